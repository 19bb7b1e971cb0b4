"""New splits of all rows: what belongs together stays together, labels keep their shares, a seed decides the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from ..errors import DataError, UserError
from .cut import Keys, grouped, whole_row
from .rows import Columns, every_row
from .table import SPLITS, Row
from .twins import Twins


def split(
    rows: Sequence[Row],
    columns: Columns,
    shares: Mapping[str, float],
    seed: int = 0,
    keys_of: Keys = lambda row: (),
) -> dict[str, list[Row]]:
    """Deal rows out to train, dev and test; a row keeps its place among those of its split.

    Rows stay on one side that share a `group`, an `id` or one of `keys_of(row)`, or whose inputs are the same or
    nearly the same. The largest groups go first, each to the split that lacks most rows of its label (Sechidis,
    Tsoumakas and Vlahavas 2011, "On the Stratification of Multi-label Data", section 3, for one label a row). The
    order among equals depends on the rows' contents and the seed, not on where they stand.

    Args:
        shares: `dev` and `test`, fractions of all rows; train gets the rest, and a share of 0 makes no split.

    Raises:
        UserError: shares that leave nothing to train on.
        DataError: too few groups for the splits.
    """
    whole = _shares(shares)
    (held,) = every_row({"train": rows}, columns).values()
    own = _twin_keys(Twins.of({"train": held}))
    keys = {id(row): (*own[i], *keys_of(row), *whole_row(row)) for i, row in enumerate(rows)}
    groups = grouped(list(rows), lambda row: keys[id(row)], seed)
    label_of = [e.references[0].strip() if columns.labels and e.references else "" for e in held]
    if len(groups) < len(whole):
        raise DataError(
            f"{len(rows):,} rows are {len(groups):,} groups of like inputs, too few for {', '.join(whole)}.",
            f"{len(whole)} groups or more",
            "add rows, or ask for fewer splits",
        )
    sides = _deal(groups, label_of, whole)
    return {name: [rows[i] for i in sorted(sides[name])] for name in SPLITS if name in whole}


def _shares(shares: Mapping[str, float]) -> dict[str, float]:
    for name, share in shares.items():
        if not 0 <= share < 1:
            raise UserError(f"--{name} is {share:g}.", "a fraction from 0 to 1", "0.1 is a tenth of the rows")
    rest = 1 - sum(shares.values())
    if rest <= 0 or not any(shares.values()):
        said = ", ".join(f"{name} {share:g}" for name, share in shares.items())
        raise UserError(
            f"The shares {said} leave {max(rest, 0):g} to train on.",
            "less than 1 and more than 0 in all",
            "lower or raise one",
        )
    return {"train": rest} | {name: share for name, share in shares.items() if share}


def _twin_keys(twins: Twins) -> list[tuple[str, ...]]:
    """For each row, the names of its text and of every pair of near texts that it is in."""
    near = twins.likeness.neighbours
    return [
        (f"text {n}", *(f"near {min(n, m)} {max(n, m)}" for m in near.get(n, ()))) if n >= 0 else ()
        for n in twins.numbers["train"]
    ]


def _deal(
    groups: Mapping[str, list[int]], label_of: Sequence[str], shares: Mapping[str, float]
) -> dict[str, list[int]]:
    """Split -> positions of its rows."""
    total = Counter(label_of)
    lacking = {(name, label): share * n for name, share in shares.items() for label, n in total.items()}
    room = {name: share * len(label_of) for name, share in shares.items()}
    sides: dict[str, list[int]] = {name: [] for name in shares}
    order = sorted(groups, key=lambda digest: (-len(groups[digest]), digest))
    for position, digest in enumerate(order):
        members = groups[digest]
        label = Counter(label_of[i] for i in members).most_common(1)[0][0]
        bare = [name for name in shares if not sides[name]]
        able = bare if len(bare) == len(order) - position else list(shares)  # the last groups go where nothing is yet
        lack = {name: (lacking[name, label], room[name]) for name in able}
        name = max(able, key=lack.__getitem__)
        sides[name] += members
        room[name] -= len(members)
        for i in members:
            lacking[name, label_of[i]] -= 1
    return sides
