"""What must be known of the trials of a study, each thing said once with the trials that it holds for.

for caveat in gathered(results["trials"]):
    print(caveat.who["en"], caveat.said["en"])   # lora(rank=8) · seeds 0, 1, 2 / 19 of 800 training inputs were cut …
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .caveats_zh import in_chinese

QUOTED_OR_NUMBER = re.compile(
    r"""(?<!\w)'(?:\\.|[^'\\])*'|"[^"]*"|(?P<number>(?<![\w.,/=-])[-+−]?\d+(?:,\d{3})*(?:\.\d+)?(?:e[-+]?\d+)?(?!\w|[.,]\d))"""
)
"""A label or a name in quotes is no number, whatever it looks like; the apostrophe of a word opens no quotes."""

WORDS = {
    "en": {
        "all": "every trial",
        "of": "{methods} · seed{s} {seeds}",
        "and": (", ", " and "),
        "comma": ", ",
        "then": "; ",
    },
    "zh": {"all": "所有试验", "of": "{methods} · 种子 {seeds}", "and": ("、", " 和 "), "comma": "、", "then": "；"},
}


@dataclass(frozen=True)
class Caveat:
    """One thing that must be known."""

    said: Mapping[str, str]
    """Language (`en`, `zh`) -> words; a number that differs between the seeds of a method stands as a range."""
    trials: tuple[str, ...]
    """Ids of the trials that it holds for."""
    who: Mapping[str, str]
    """Language -> these trials in words."""
    status: str = "done"
    """How these trials ended; of another status than `done`, `said` is why, empty where that is not known."""


def gathered(trials: Sequence[Mapping[str, Any]]) -> list[Caveat]:
    """The caveats of all trials and the reasons of those that did not finish, in the order in which they first came.

    What differs between the seeds of one method in numbers only is one thing; what several methods say in the same
    words, ranges and all, is too.

    Args:
        trials: as in `results.json`; id, method and, where they are known, seed, status, error and caveats.
    """
    of_method: dict[tuple[Any, ...], list[tuple[Mapping[str, Any], str]]] = {}
    for trial in trials:
        times: Counter[tuple[str, str]] = Counter()
        for status, said in _own(trial):
            shape = status, _numbers_out(said)
            times[shape] += 1  # two of one trial are two things, though only a number differs
            of_method.setdefault((trial["method"], *shape, times[shape]), []).append((trial, said))
    holders: dict[tuple[str, str], dict[str, Mapping[str, Any]]] = {}
    for (_, status, *_), told in of_method.items():
        text = _ranged([said for _, said in told])
        holders.setdefault((status, text), {}).update({str(trial["id"]): trial for trial, _ in told})
    return [
        Caveat(
            {"en": text, "zh": in_chinese(text)},
            tuple(own),
            {language: _who(own.values(), trials, language) for language in WORDS},
            status,
        )
        for (status, text), own in holders.items()
    ]


def _own(trial: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    status = str(trial.get("status", "done"))
    if status != "done":
        yield status, str(trial.get("error") or "").removeprefix(f"{status}: ")
    yield from (("done", str(said)) for said in dict.fromkeys(trial.get("caveats") or ()))


def _numbers(text: str) -> Iterator[re.Match[str]]:
    return (found for found in QUOTED_OR_NUMBER.finditer(text) if found["number"])


def _numbers_out(text: str) -> str:
    return QUOTED_OR_NUMBER.sub(lambda found: "\0" if found["number"] else found[0], text)


def _ranged(texts: Sequence[str]) -> str:
    """Texts that differ in numbers only as one."""
    pieces, end = [], 0
    for found, spelled in zip(_numbers(texts[0]), zip(*([m[0] for m in _numbers(t)] for t in texts)), strict=True):
        low, high = min(spelled, key=_value), max(spelled, key=_value)
        signed = any(not text[0].isdigit() for text in (low, high))
        shown = found[0] if _value(low) == _value(high) else f"{low} to {high}" if signed else f"{low}–{high}"
        pieces += [texts[0][end : found.start()], shown]
        end = found.end()
    return "".join([*pieces, texts[0][end:]])


def _value(spelled: str) -> float:
    return float(spelled.replace(",", "").replace("−", "-"))


def _who(own: Iterable[Mapping[str, Any]], trials: Sequence[Mapping[str, Any]], language: str) -> str:
    """`full and ia3 · seeds 0, 1, 2; zero_shot`."""
    words = WORDS[language]
    held: dict[str, list[Any]] = {}
    for trial in own:
        held.setdefault(str(trial["method"]), []).append(trial.get("seed"))
    if len(trials) > 1 and sum(map(len, held.values())) == len(trials):
        return str(words["all"])
    runs = Counter(str(t["method"]) for t in trials)
    by_seeds: dict[tuple[Any, ...], list[str]] = {}
    for method, seeds in held.items():
        by_seeds.setdefault(tuple(seeds) if runs[method] > 1 else (), []).append(method)
    return str(words["then"]).join(_named(methods, seeds, words) for seeds, methods in by_seeds.items())


def _named(methods: Sequence[str], seeds: Sequence[Any], words: Mapping[str, Any]) -> str:
    comma, last = words["and"]
    listed = last.join([comma.join(methods[:-1]), methods[-1]] if len(methods) > 1 else methods)
    if not seeds:
        return listed
    return str(words["of"]).format(
        methods=listed, s="s" * (len(seeds) > 1), seeds=str(words["comma"]).join(map(str, seeds))
    )
