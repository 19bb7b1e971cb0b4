"""Rows that say the same: within a split, across splits, and with another label."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from ..records import Example
from .finding import SHOWN, Finding, share
from .rows import excerpt, text_of
from .similar import Likeness, likeness
from .table import SPLITS

Pair = tuple[Example, Example]
"""An example, and the first one it is like."""


@dataclass(frozen=True)
class Twins:
    """The examples of all splits, and which of them are alike."""

    splits: Mapping[str, Sequence[Example]]
    numbers: Mapping[str, Sequence[int]]
    """Split -> for each example the number of its text; equal texts have equal numbers, empty ones have −1."""
    likeness: Likeness

    @classmethod
    def of(cls, splits: Mapping[str, Sequence[Example]]) -> Twins:
        """Compare the inputs of all examples."""
        found = likeness([text_of(example) for examples in splits.values() for example in examples])
        left = iter(found.same.tolist())
        return cls(splits, {split: [next(left) for _ in examples] for split, examples in splits.items()}, found)

    def members(self, *splits: str) -> dict[int, list[Example]]:
        """Number of a text -> the examples that show it."""
        found: dict[int, list[Example]] = defaultdict(list)
        for split in splits or self.splits:
            for number, example in zip(self.numbers[split], self.splits[split]):
                if number >= 0:
                    found[number].append(example)
        return found

    def shared(self, split: str, other: str) -> tuple[list[Pair], list[Pair]]:
        """The examples of `split` that `other` shows word for word, and those it nearly shows."""
        there, near = self.members(other), self.likeness.neighbours
        exact: list[Pair] = []
        nearly: list[Pair] = []
        for number, example in zip(self.numbers[split], self.splits[split]):
            if number in there:
                exact.append((example, there[number][0]))
            elif (like := next((n for n in near.get(number, ()) if n in there), None)) is not None:
                nearly.append((example, there[like][0]))
        return exact, nearly

    def leaks(self) -> Iterator[Finding]:
        """What a split shows of the one that is trained or chosen on before it."""
        for other, split in combinations([s for s in SPLITS if s in self.splits], 2):
            whole = len(self.splits[split])
            for kind, how, pairs in zip(
                ("leak", "near_leak"), ("occur word for word", "have a near copy"), self.shared(split, other)
            ):
                if pairs:
                    said = f"{len(pairs):,} of {whole:,} {split} rows ({share(len(pairs), whole)}) {how} in {other}"
                    yield Finding(kind, split, len(pairs), said + self._known(kind, pairs, other), _beside(pairs))

    def _known(self, kind: str, pairs: Sequence[Pair], other: str) -> str:
        """How often copying the answer of the other split would be right."""
        if kind != "leak" or not any(example.references for example, _ in pairs):
            return ""
        said = {number: {r for e in held for r in e.references} for number, held in self.members(other).items()}
        number_of = {e.id: n for n, e in zip(self.numbers[other], self.splits[other])}
        right = sum(bool(said[number_of[like.id]] & set(example.references)) for example, like in pairs)
        return f"; {other} shows the right answer of {right:,} of them"

    def repeats(self, split: str, labels: bool) -> tuple[list[Pair], list[Pair]]:
        """The examples of `split` that repeat an earlier one of it, and those that nearly do.

        Where answers are texts, another answer makes another reference, not a duplicate; and rows that share a group
        belong together.
        """
        near = self.likeness.neighbours
        firsts: dict[tuple[int, tuple[str, ...]], Example] = {}
        by_text: dict[int, Example] = {}
        same: list[Pair] = []
        nearly: list[Pair] = []
        for number, example in zip(self.numbers[split], self.splits[split]):
            if number < 0:
                continue
            first = firsts.setdefault((number, () if labels else example.references), example)
            if first is not example and first.group != example.group:
                same.append((example, first))
            if number not in by_text:
                like = next((by_text[n] for n in near.get(number, ()) if n in by_text), None)
                if like is not None and like.group != example.group:
                    nearly.append((example, like))
                by_text[number] = example
        return same, nearly

    def duplicates(self, labels: bool) -> Iterator[Finding]:
        """What a split says twice."""
        for split, examples in self.splits.items():
            for kind, how, pairs in zip(
                ("duplicate", "near_duplicate"), ("repeat", "nearly repeat"), self.repeats(split, labels)
            ):
                if pairs:
                    part = share(len(pairs), len(examples))
                    said = f"{len(pairs):,} of {len(examples):,} {split} rows ({part}) {how} an earlier row of {split}"
                    yield Finding(kind, split, len(pairs), said, _beside(pairs))

    def contradicting(self, *splits: str) -> dict[int, list[Example]]:
        """Number of a text -> its examples, where they carry more than one label."""
        return {
            number: held
            for number, held in self.members(*splits).items()
            if len({label.strip() for e in held for label in e.references}) > 1
        }

    def contradictions(self) -> Iterator[Finding]:
        """Texts that carry several labels, over all splits."""
        found = self.contradicting()
        if not found:
            return
        rows = sum(map(len, found.values()))
        within = [f"{len(texts)} within {s}" for s in self.splits if (texts := self.contradicting(s))]
        examples = tuple(
            {
                "row": held[0].id,
                "text": excerpt(text_of(held[0])),
                "labels": {e.id: ", ".join(e.references) for e in held[:6]},
            }
            for held in list(found.values())[:SHOWN]
        )
        detail = f" ({', '.join(within)})" if within else ""
        texts = "1 text carries" if len(found) == 1 else f"{len(found):,} different texts carry"
        said = f"{texts} more than one label, in {rows:,} rows of all splits{detail}: no model can be right on all"
        yield Finding("contradiction", "all", len(found), said, examples)


def _beside(pairs: Sequence[Pair]) -> tuple[dict[str, str], ...]:
    """The first pairs as a finding shows them."""
    return tuple(
        {"row": example.id, "text": excerpt(text_of(example)), "other": like.id} for example, like in pairs[:SHOWN]
    )
