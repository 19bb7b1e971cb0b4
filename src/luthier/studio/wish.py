"""What was chosen on the page, as the words of a command line."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from ..errors import SpellingError, UserError

KINDS = ("epochs", "steps", "minutes")


@dataclass(frozen=True)
class Wish:
    """A study as it was chosen."""

    backbone: str
    data: str
    methods: tuple[str, ...]
    kind: str = "epochs"
    """What `amount` counts: `epochs`, `steps` or `minutes`."""
    amount: float = 3.0
    train_rows: int | None = None
    test_rows: int | None = None
    seeds: int = 1
    search: bool = True
    task: str = ""
    prompt: str = ""
    answer: str = ""

    def words(self) -> list[str]:
        """The words behind `luthier`, without `--out`.

        Raises:
            UserError: nothing to compare, or an amount of nothing.
        """
        if not self.methods:
            raise SpellingError(f"{len(self.methods)} methods are chosen.", "one or more", "choose at least one method")
        for name, chosen in (("backbone", self.backbone), ("data set", self.data)):
            if not chosen:
                raise UserError(f"The {name} is {chosen!r}.", f"the name of a {name}", f"choose a {name}")
        if odd := [m for m in self.methods if not re.match(r"[A-Za-z_]", m.strip())]:
            raise SpellingError(f"{odd[0]!r} is no method.", "a word such as lora(rank=16)", "choose one of the list")
        if self.kind not in KINDS or not self.amount or self.amount <= 0:
            raise UserError(f"The budget is {self.amount} {self.kind}.", f"more than 0 {', '.join(KINDS)}", "raise it")
        words = ["compare", _safe(self.backbone), _safe(self.data), ", ".join(self.methods)]
        words += [f"--{self.kind}", _number(self.amount, whole=self.kind == "steps")]
        for name in ("train_rows", "test_rows"):
            if getattr(self, name):
                words += [f"--{name.replace('_', '-')}", str(int(getattr(self, name)))]
        words += ["--seeds", str(self.seeds)] if self.seeds != 1 else []
        words += [] if self.search else ["--no-search"]
        for name in ("task", "prompt", "answer"):
            if getattr(self, name):
                words.append(f"--{name}={getattr(self, name)}")
        return words

    def command(self, out: Path | str) -> str:
        """The same in a terminal."""
        return shlex.join(["luthier", *self.words(), "--out", str(out)])


def _safe(word: str) -> str:
    """A name that begins with a dash would be an option."""
    return f"./{word}" if word.startswith("-") else word


def _number(amount: float, whole: bool) -> str:
    if whole and amount != int(amount):
        raise UserError(f"The budget is {amount} steps.", "a whole number of steps", "round it")
    return f"{amount:g}"
