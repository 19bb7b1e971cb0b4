"""What can go wrong, and whose fault it is.

    LuthierError
    ├── UserError            the input is wrong: a message without a traceback, exit code 2
    │   ├── DataError        a file, a row or a column
    │   ├── SpellingError    a word on the command line that names nothing
    │   └── Refused          a combination that cannot work (method x backbone x task)
    │       └── TooLong      a row has too many tokens for it
    ├── TrialFailed          one trial ended badly (not a number, out of memory); the study goes on
    └── Damaged              a file of ours is torn or was edited

A `UserError` says four things: what happened, with which value, what was possible, what to do.
Anything that is not a `LuthierError` is a bug of ours and keeps its traceback.
"""

from __future__ import annotations


class LuthierError(Exception):
    """Root of everything luthier raises on purpose."""


class UserError(LuthierError):
    """The user's input is wrong.

    `what` happened (with the value), what was `possible`, what to `do`; the last two may be empty
    only where there is honestly nothing to add.
    """

    def __init__(self, what: str, possible: str = "", do: str = "") -> None:
        super().__init__(what, possible, do)
        self.what, self.possible, self.do = what, possible, do

    def __str__(self) -> str:
        lines = [self.what]
        if self.possible:
            lines.append(f"  possible: {self.possible}")
        if self.do:
            lines.append(f"  do: {self.do}")
        return "\n".join(lines)


class DataError(UserError):
    """A data file, a row or a column cannot be used."""


class SpellingError(UserError):
    """A word names no method, task, setting or column."""


class Refused(UserError):
    """The combination asked for cannot work, and this is why."""


class TooLong(Refused):
    """A row has more tokens than the backbone has positions, or than it was trained to read."""


class TrialFailed(LuthierError):
    """One trial ended badly; its status says how and the other trials go on."""


class Damaged(LuthierError):
    """A file that luthier wrote is torn, was edited, or is not what its manifest says."""
