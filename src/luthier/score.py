"""Predictions -> scores with intervals, and what may be said of two trials on the same rows.

    scores(predictions, ["rouge"])                       # per metric: mean, 95 % interval, values per group
    verdicts({"lora": …, "full": …}, ["rouge1"])         # better, worse, tie or cannot tell, with a sentence
    score_file("outputs.csv", "reference", ["a", "b"], ["rouge"], group_rows=3)

No model and no torch: all of it works from files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np

from . import statistics
from .data import read
from .data.table import Row, listed
from .errors import DataError, SpellingError, UserError
from .machine import environment
from .metrics import METRICS, Array, Metric
from .records import Prediction, Score, Verdict, to_json
from .spell import closest

DRAWS = 2000
"""Bootstrap resamples: enough for the ends of a 95 % interval."""

SWAPS = 10_000
"""Random exchanges of a permutation test: p is known to about 0.002 near 0.05."""

MARGIN = 0.01
"""Differences within one point count as none, unless the study says otherwise."""

LEVEL = 0.05
"""Of all tests, after Holm's correction within a metric."""

ONE_SEED = {
    "en": " With one seed each, this speaks of these two trained models, not of the two methods.",
    "zh": "各只有一个随机种子：此结论针对这两个训练好的模型，而非两种方法。",
}


def chosen(metrics: Sequence[str]) -> list[Metric]:
    """Metric names and family words (`rouge` is all four) -> metrics, each once, in the order asked for.

    Raises:
        SpellingError: no name, or an unknown one.
    """
    if isinstance(metrics, str):
        metrics = metrics.split(",")
    families = {cls.family for cls in METRICS.values()} - {""}
    found: dict[str, Metric] = {}
    for name in (m.strip() for m in metrics):
        if name not in METRICS and name not in families:
            words = sorted({*METRICS, *families})
            raise SpellingError(f"No metric is called {name!r}.", ", ".join(words), closest(name, words))
        found |= {word: cls() for word, cls in METRICS.items() if name in (word, cls.family)}
    if not found:
        raise SpellingError("No metric is named.", ", ".join(METRICS), "name at least one, for example rouge")
    return list(found.values())


def scores(predictions: Sequence[Prediction], metrics: Sequence[str], seed: int = 0, draws: int = DRAWS) -> list[Score]:
    """Each metric over all rows, with the 95 % interval from resampling groups; the same seed gives the same interval.

    The mean is over rows; `n` counts groups; `values` are the groups' means in the order of first appearance.

    Raises:
        UserError: no predictions, an id that is there twice, a reference that is missing, an unknown metric.
    """
    rows = _Rows.of(predictions)
    found = []
    for metric in chosen(metrics):
        sums = rows.sums(metric, predictions)
        mean = float(metric.value(sums.sum(axis=0)))
        drawn = statistics.bootstrap(sums[:, None, :], metric.value, draws, seed)[:, 0]
        values = tuple(metric.value(sums).tolist()) if metric.per_row else ()
        found.append(Score(metric.word, mean, *statistics.interval(drawn, mean), len(sums), values))
    return found


def verdicts(
    trials: Mapping[str, Sequence[Prediction]],
    metrics: Sequence[str],
    *,
    pairs: Iterable[tuple[str, str]] | None = None,
    margin: float = MARGIN,
    seed: int = 0,
    one_seed: bool = True,
) -> list[Verdict]:
    """Pairs of trials (default: all) on each metric, compared on the same rows; `difference` = a − b.

    `low` and `high` are the 95 % interval from resampling groups, the same for both trials. `p` is corrected (Holm)
    for the number of pairs within the metric: exact McNemar where rows are right or wrong and each is its own group,
    else from exchanging the two trials in random groups. Verdicts: `better` or `worse` where p < 0.05, `tie` where
    the 90 % interval lies within ±margin, else `cannot tell`.

    Args:
        margin: differences up to this, as a fraction, count as none; fixed before training.
        one_seed: each trial stands for one training run, and the sentence says so.

    Raises:
        UserError: trials on different rows, a pair that names no trial, or what `scores` refuses.
    """
    if not margin >= 0:
        raise UserError(f"margin={margin} is no width.", "0 or more, as a fraction", "0.01 is one point")
    names = list(trials)
    wanted = list(combinations(names, 2) if pairs is None else pairs)
    for pair in wanted:
        if unknown := [name for name in pair if name not in trials]:
            raise UserError(f"The pair {pair} names {unknown[0]!r}.", listed(names), "name two trials")
    if not wanted:
        return []
    rows = _Rows.of(trials[names[0]])
    aligned = [rows.aligned(trials[name], name, names[0]) for name in names]
    places = [(names.index(a), names.index(b)) for a, b in wanted]
    found = []
    for metric in chosen(metrics):
        sums = np.stack([rows.sums(metric, predictions) for predictions in aligned], axis=1)
        p = statistics.holm(_p_values(metric, sums, places, seed))
        drawn = statistics.bootstrap(sums, metric.value, DRAWS, seed)
        means = metric.value(sums.sum(axis=0))
        for (a, b), (i, j), corrected in zip(wanted, places, p):
            differing = int(np.any(sums[:, i] != sums[:, j], axis=1).sum())
            apart = float(means[i] - means[j]), drawn[:, i] - drawn[:, j]
            pair = _Pair(metric.word, a, b, *apart, corrected, len(wanted), differing)
            found.append(pair.verdict(rows, margin, one_seed))
    return found


def read_outputs(
    path: str | PathLike[str],
    references: str,
    outputs: Sequence[str],
    group: str | None = None,
    group_rows: int | None = None,
) -> dict[str, list[Prediction]]:
    """Output column -> one prediction per row of a file that `luthier.data` reads; row i has the id `i`.

    A reference is a text, or a list of texts that are all right. Rows belong together where the column `group` says
    so, or `group_rows` at a time. An output that is missing is an empty text.

    Raises:
        DataError: no such column, a row without a reference or a group, or rows that do not divide by `group_rows`.
        UserError: no output column, one named twice, or both ways of grouping.
    """
    return _outputs(_read(path)[0], references, outputs, group, group_rows)


def score_file(
    path: str | PathLike[str],
    references: str,
    outputs: Sequence[str],
    metrics: Sequence[str] = ("rouge",),
    *,
    group: str | None = None,
    group_rows: int | None = None,
) -> dict[str, Any]:
    """Score and compare the output columns of a file, in the shape of `results.json`; each column is a trial."""
    rows, notes = _read(path)
    said = _outputs(rows, references, outputs, group, group_rows)
    words = [metric.word for metric in chosen(metrics)]
    trials = []
    for name, predictions in said.items():
        empty = sum(not p.prediction.strip() for p in predictions)
        measured = {
            s.metric: {"mean": s.mean, "low": s.low, "high": s.high, "n": s.n} for s in scores(predictions, words)
        }
        caveats = [f"{empty:,} of {len(predictions):,} outputs are empty and were scored as such"] if empty else []
        trials.append({"id": name, "method": name, "status": "done", "metrics": measured, "caveats": caveats})
    groups = len({p.group for p in next(iter(said.values()))})
    study = {
        "name": Path(path).name,
        "metrics": words,
        "primary": words[0],
        "margin": MARGIN,
        "references": references,
        "data": {
            "source": fspath(path),
            "synthetic": False,
            "rows": {"test": len(rows)},
            "groups": groups,
            "notes": notes,
        },
    }
    return {"study": study, "trials": trials, "verdicts": to_json(verdicts(said, words)), "environment": environment()}


@dataclass(frozen=True)
class _Rows:
    """Which rows are scored, and which belong together."""

    ids: Mapping[str, Prediction]
    groups: list[int]
    """Number of each row's group, by first appearance."""
    count: int
    """Groups."""

    @classmethod
    def of(cls, predictions: Sequence[Prediction]) -> _Rows:
        numbers: dict[str, int] = {}
        groups = [numbers.setdefault(p.group, len(numbers)) for p in predictions]
        return cls(_by_id(predictions), groups, len(numbers))

    @property
    def unit(self) -> tuple[str, str]:
        """What was resampled, in English and Chinese."""
        return ("rows", "行") if self.count == len(self.groups) else ("groups of rows", "组")

    def sums(self, metric: Metric, predictions: Sequence[Prediction]) -> Array:
        """(groups, columns) of the metric's tally.

        Raises:
            UserError: from the metric; ValueError: it made something that is no number.
        """
        tally = metric.tally(predictions)
        broken = ~np.isfinite(tally).all(axis=1)
        if broken.any():
            raise ValueError(f"{metric.word} of row {predictions[int(broken.argmax())].id!r} is not finite")
        return statistics.group_sums(tally, self.groups, self.count)

    def aligned(self, predictions: Sequence[Prediction], name: str, other: str) -> list[Prediction]:
        """The same rows, in the order of these."""
        found = _by_id(predictions)
        if odd := sorted(found.keys() ^ self.ids.keys()):
            raise UserError(
                f"{name} and {other} answered different rows: {listed(odd, 3)} on one side only.",
                "the same rows for all",
                "predict both on the same test rows",
            )
        for p in predictions:
            first = self.ids[p.id]
            if (p.group, p.references) != (first.group, first.references):
                raise UserError(
                    f"Row {p.id!r} has another group or other references in {name} than in {other}.",
                    "the same rows for all",
                    "predict both on the same test rows",
                )
        return [found[i] for i in self.ids]


@dataclass(frozen=True)
class _Pair:
    """One comparison, measured."""

    metric: str
    a: str
    b: str
    difference: float
    drawn: Array
    """The difference in each bootstrap draw."""
    p: float
    comparisons: int
    """For which p was corrected."""
    differing: int
    """Groups in which the two are not equal."""

    def verdict(self, rows: _Rows, margin: float, one_seed: bool) -> Verdict:
        low, high = statistics.interval(self.drawn, self.difference)
        narrow = statistics.interval(self.drawn, self.difference, 0.90)
        word = "cannot tell"
        if self.p < LEVEL:
            word = "better" if self.difference > 0 else "worse"
        elif statistics.equivalent(*narrow, margin, self.differing, rows.count):
            word = "tie"
        sd = float(self.drawn.std()) * rows.count**0.5
        needed = statistics.groups_needed(self.difference, sd, margin, LEVEL / self.comparisons)
        said = self._sentence(word, (low, high), margin, rows, needed - rows.count)
        sentence = {language: said[language] + ONE_SEED[language] * one_seed for language in said}
        return Verdict(self.metric, self.a, self.b, self.difference, low, high, self.p, word, sentence)

    def _sentence(
        self, word: str, ends: tuple[float, float], margin: float, rows: _Rows, more: float
    ) -> dict[str, str]:
        a, b, metric, width = self.a, self.b, self.metric, _points(margin, sign=False)
        by, low, high = map(_points, (self.difference, *ends))
        en, zh = f"{by} points (95 % interval {low} to {high})", f"{by} 个百分点（95% 区间 {low} 至 {high}）"
        unit, unit_zh = rows.unit
        if word == "tie":
            return {
                "en": f"{a} and {b} tie on {metric}: {en}, at the 5 % level no more than {width} either way.",
                "zh": f"在 {metric} 上，{a} 与 {b} 打平：相差 {zh}，在 5% 水平上不超过 {width}。",
            }
        if word == "cannot tell":
            hope, hope_zh = _hope(more, unit, unit_zh)
            if ends[0] > 0 or ends[1] < 0:  # the interval alone would say otherwise
                p, tests = f"{self.p:.2f}", self.comparisons
                hope = f"It may still be chance: p = {p}, corrected for the number of comparisons ({tests:,}). {hope}"
                hope_zh = f"这仍可能出于偶然：p = {p}，已按比较次数（{tests:,}）校正。{hope_zh}"
            return {
                "en": f"{rows.count:,} {unit} cannot tell {a} and {b} apart on {metric}: {en}. {hope}",
                "zh": f"仅凭 {rows.count:,} {unit_zh}，无法分辨 {a} 与 {b} 在 {metric} 上的高下：相差 {zh}。{hope_zh}",
            }
        inside = abs(self.difference) < margin
        note = f" That is less than the margin of {width} points that counts." * inside
        note_zh = f"这一差异小于 {width} 个百分点的界限。" * inside
        return {
            "en": f"{a} is {word} than {b} on {metric}: {en}.{note}",
            "zh": f"在 {metric} 上，{a} {'优于' if word == 'better' else '不如'} {b}：相差 {zh}。{note_zh}",
        }


def _hope(more: float, unit: str, unit_zh: str) -> tuple[str, str]:
    """How many more groups would settle it, to two digits."""
    if not np.isfinite(more):
        return f"More {unit} would not settle it.", f"增加{unit_zh}数也无法得出结论。"
    about = f"{int(float(f'{max(1.0, more):.1e}')):,}"
    return f"About {about} more {unit} could settle it.", f"大约再有 {about} {unit_zh}可以得出结论。"


def _points(fraction: float, sign: bool = True) -> str:
    text = f"{100 * fraction:{'+' if sign else ''}.2f}"
    return "0.00" if float(text) == 0 else text.replace("-", "−")


def _p_values(metric: Metric, sums: Array, places: Sequence[tuple[int, int]], seed: int) -> list[float]:
    # of right and wrong rows all exchanges can be counted, which is McNemar's test
    if metric.per_row and np.isin(sums[..., 0], (0, 1)).all() and (sums[..., 1] == 1).all():
        right = sums[..., 0] == 1
        return [
            statistics.mcnemar(int((right[:, i] & ~right[:, j]).sum()), int((right[:, j] & ~right[:, i]).sum()))
            for i, j in places
        ]
    return statistics.swap_tests(sums, metric.value, places, SWAPS, seed)


def _by_id(predictions: Sequence[Prediction]) -> dict[str, Prediction]:
    found = {p.id: p for p in predictions}
    if len(found) != len(predictions):
        twice = Counter(p.id for p in predictions).most_common(1)[0][0]
        raise UserError(f"The id {twice!r} is there twice.", "each row once", "number the rows")
    return found


def _read(path: str | PathLike[str]) -> tuple[list[Row], list[str]]:
    table = read(path)
    if len(table.splits) > 1:
        raise DataError(f"{path} holds {listed(list(table.splits))}.", "one list of rows", "name the file of one split")
    return next(iter(table.splits.values())), list(table.notes)


def _outputs(
    rows: Sequence[Row], references: str, outputs: Sequence[str], group: str | None, group_rows: int | None
) -> dict[str, list[Prediction]]:
    names = [name.strip() for name in outputs]
    if not names or len(set(names)) != len(names):
        raise UserError(f"The outputs are {names}.", "one or more columns, each once", "name them with --outputs")
    columns = list(dict.fromkeys(column for row in rows for column in row))
    for name in (references, *names, *([group] if group else [])):
        if name not in columns:
            hint = closest(name, columns) or "check the header"
            raise DataError(f"There is no column {name!r}.", listed(columns, 30), hint)
    groups = _groups(rows, group, group_rows)
    wanted = [_references(row.get(references), i) for i, row in enumerate(rows)]
    said = {name: [_text(row.get(name), name, i) for i, row in enumerate(rows)] for name in names}
    return {
        name: [Prediction(str(i), groups[i], text, wanted[i], 0, 0.0) for i, text in enumerate(texts)]
        for name, texts in said.items()
    }


def _groups(rows: Sequence[Row], group: str | None, group_rows: int | None) -> list[str]:
    if group and group_rows is not None:
        raise UserError(f"Rows are grouped by column {group!r} and by {group_rows} rows.", "one of the two", "drop one")
    if group:
        names = [_text(row.get(group), group, i) for i, row in enumerate(rows)]
        if "" in names:
            raise DataError(f"Row {names.index('') + 1} has no {group!r}.", "a group for every row", "fill it in")
        return names
    size = 1 if group_rows is None else group_rows
    if size < 1 or len(rows) % size:
        raise DataError(
            f"{len(rows):,} rows do not make groups of {size}.",
            "a number that divides the rows",
            "check --group-rows, or name a column with --group",
        )
    return [str(i // size) for i in range(len(rows))]


def _references(value: Any, i: int) -> tuple[str, ...]:
    texts = value if isinstance(value, list) else [value]
    found = tuple(text for text in (_text(v, "reference", i) for v in texts) if text.strip())
    if not found:
        raise DataError(f"Row {i + 1} has no reference.", "a text in every row", "fill it in or take the row out")
    return found


def _text(value: Any, column: str, i: int) -> str:
    if isinstance(value, (dict, list, bytes)):
        kind = type(value).__name__
        raise DataError(f"Row {i + 1} holds a {kind} as {column}.", "texts or numbers", "flatten the column")
    return "" if value is None else str(value)
