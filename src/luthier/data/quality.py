"""What is wrong inside rows and in their balance: empty, too long, broken text, few of a label, another language."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..records import Example
from .blemishes import BLEMISHES
from .finding import Finding, share, shown
from .lengths import Ruler
from .rows import text_of
from .table import count, listed

Held = Mapping[str, Sequence[Example]]

UNEVEN = 5
"""Times as many rows of the commonest label as of the rarest, before that is said."""

HAN_SHARE = 0.2
"""Of a text's letters, from which it is Chinese: a character says as much as several letters."""

HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
SCRIPTS = (
    ("Chinese", HAN),
    ("Japanese", re.compile("[\u3040-\u30ff]")),
    ("Korean", re.compile("[\uac00-\ud7af\u1100-\u11ff]")),
    ("Cyrillic", re.compile("[\u0400-\u052f]")),
    ("Arabic", re.compile("[\u0600-\u06ff]")),
    ("Greek", re.compile("[\u0370-\u03ff]")),
    ("Hebrew", re.compile("[\u0590-\u05ff]")),
    ("Devanagari", re.compile("[\u0900-\u097f]")),
    ("Thai", re.compile("[\u0e00-\u0e7f]")),
)
NO_LABEL = {"null", "none", "na", "n/a", "#n/a", "<na>", "nan", "nil", "undefined", "-", "?"}
"""What programs and people write where there is no label, in small letters."""

LATIN = re.compile("[A-Za-z\u00c0-\u024f]")


def empties(held: Held, answered: bool) -> Iterator[Finding]:
    """Rows without an input, and without an answer where there is an answer column."""
    for split, examples in held.items():
        mute = [e for e in examples if not text_of(e).strip()]
        unanswered = [e for e in examples if answered and not e.references and text_of(e).strip()]
        parts = [
            f"{count(len(es), 'row')} without an {what}" for es, what in ((mute, "input"), (unanswered, "answer")) if es
        ]
        if parts:
            said = f"{split} has {' and '.join(parts)}; they cannot be used"
            yield Finding("empty", split, len(mute) + len(unanswered), said, shown([*mute, *unanswered]))


def blemished(held: Held) -> Iterator[Finding]:
    """Wrong decoding, characters that nobody sees, HTML, stray spaces, in inputs and answers."""
    for split, examples in held.items():
        texts = [[*e.fields.values(), *e.references] for e in examples]
        for kind in dict.fromkeys(b.kind for b in BLEMISHES):
            hit: dict[int, None] = {}
            parts = []
            for blemish in (b for b in BLEMISHES if b.kind == kind):
                rows = [i for i, own in enumerate(texts) if any(map(blemish.found, own))]
                hit |= dict.fromkeys(rows)
                parts += [f"{len(rows):,} with {blemish.what}"] * bool(rows)
            if hit:
                said = f"{len(hit):,} of {len(examples):,} {split} rows: {', '.join(parts)}"
                yield Finding(kind, split, len(hit), said, shown(examples[i] for i in sorted(hit)))


def too_long(
    held: Held, ruler: Ruler, prompt_of: Callable[[Example], str] | None, lengths: dict[str, Any]
) -> Iterator[Finding]:
    """Rows that lose tokens to a limit; what was measured is put into `lengths`."""
    for split, examples in held.items():
        measured = {"input": ruler.measure([(prompt_of or text_of)(e) for e in examples], ruler.inputs)}
        if any(e.references for e in examples):
            measured["answer"] = ruler.measure(
                [e.references[0] if e.references else "" for e in examples], ruler.answers
            )
        lengths[split] = {what: found.facts() for what, found in measured.items()}
        over = np.logical_or.reduce([found.over for found in measured.values()])
        if over.any():
            parts = [
                f"{count(int(found.over.sum()), what)} longer than {found.limit} tokens (longest {found.longest:,})"
                for what, found in measured.items()
                if found.over.any()
            ]
            said = f"{split}: {' and '.join(parts)} will be cut for {ruler.name}"
            yield Finding("too_long", split, int(over.sum()), said, shown(examples[i] for i in np.flatnonzero(over)))


def labels_amiss(held: Held, labels: dict[str, dict[str, int]]) -> Iterator[Finding]:
    """Labels that are rare, alone, or missing where a model learns; the counts are put into `labels`."""
    for split, examples in held.items():
        counted = Counter(label for e in examples for label in {one.strip() for one in e.references})
        labels[split] = dict(counted.most_common())
        if not counted:
            continue
        (commonest, most), (rarest, least) = counted.most_common()[0], counted.most_common()[-1]
        if len(counted) == 1 or most >= UNEVEN * least:
            part = share(most, counted.total())
            rare = f"{rarest!r} {count(least, 'row')}" if len(counted) > 1 else "there is no other label"
            said = f"{split}: label {commonest!r} has {most:,} of {counted.total():,} rows, {rare}"
            said += f"; always saying {commonest!r} is right for {part}"
            yield Finding("imbalance", split, most, said)
    for split in (s for s in held if s != "train" and "train" in held):
        strange = {label: n for label, n in labels[split].items() if label not in labels["train"]}
        if strange:
            named = ", ".join(map(repr, list(strange)[:5]))
            said = f"{split}: label {named} occurs, which train never shows, so nobody can learn it"
            yield Finding("imbalance", split, sum(strange.values()), said)


def labels_misspelt(labels: Mapping[str, Mapping[str, int]]) -> Iterator[Finding]:
    """Spellings that look like one label, and words that look like none; `labels` is split -> label -> rows."""
    counted = sum((Counter(own) for own in labels.values()), Counter[str]())
    alike: dict[str | float, list[str]] = {}
    for label, _ in counted.most_common():
        alike.setdefault(_meant(label), []).append(label)
    for spellings in alike.values():
        if len(spellings) > 1:
            said = f"{len(spellings)} labels look like spellings of one, and are learned as different labels: "
            said += _counted(spellings, counted)
            yield Finding("imbalance", "all", sum(counted[label] for label in spellings[1:]), said)
    if absent := [label for label in counted if label.casefold() in NO_LABEL]:
        said = f"read as labels like any other, and may stand for no label: {_counted(absent, counted)}"
        said += "; empty these cells if so"
        yield Finding("imbalance", "all", sum(counted[label] for label in absent), said)


def _counted(labels: Sequence[str], rows: Mapping[str, int]) -> str:
    return listed([f"{label!r} {count(rows[label], 'row')}" for label in labels])


def _meant(label: str) -> str | float:
    """Equal for the spellings of one label: the value of a number, or the text without its case, width and spaces."""
    try:
        value = float(label)
    except ValueError:
        value = math.nan
    return value if math.isfinite(value) else " ".join(unicodedata.normalize("NFKC", label).casefold().split())


def languages(held: Held) -> Iterator[Finding]:
    """Inputs in another script than most of their split."""
    for split, examples in held.items():
        spoken = [script_of(text_of(e)) for e in examples]
        counted = Counter(s for s in spoken if s)
        if len(counted) > 1:
            (main, _), *others = counted.most_common()
            strange = [e for e, s in zip(examples, spoken) if s and s != main]
            parts = ", ".join(f"{n:,} {script}" for script, n in others)
            said = f"{split} is {main} but for {len(strange):,} of {len(examples):,} rows: {parts}"
            yield Finding("language_mix", split, len(strange), said, shown(strange))


def script_of(text: str) -> str:
    """The script of most letters (`Chinese` from a fifth on, `Japanese` with kana), empty where there are none."""
    if text.isascii():
        return "Latin" if LATIN.search(text) else ""
    counted = {name: len(pattern.findall(text)) for name, pattern in SCRIPTS}
    counted["Latin"] = len(LATIN.findall(text))
    letters = sum(counted.values())
    if not letters:
        return ""
    if counted["Japanese"] >= 0.1 * letters:
        return "Japanese"
    if counted["Chinese"] >= HAN_SHARE * letters:
        return "Chinese"
    return max(counted, key=lambda name: counted[name])
