"""A verdict in plain words, English and Chinese: what differs, how sure it is, what it costs, what would settle it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import humane

Said = dict[str, str]
"""Language (`en`, `zh`) -> words."""

ONE_SEED: Said = {
    "en": " With one seed each, this speaks of these two trained models, not of the two methods.",
    "zh": "各只有一个随机种子：此结论针对这两个训练好的模型，而非两种方法。",
}

ONE_MODEL: Said = {
    "en": " With one seed, this speaks of this trained model, not of the method.",
    "zh": "只有一个随机种子：此结论针对这个训练好的模型，而非该方法。",
}


@dataclass(frozen=True)
class Finding:
    """What a comparison found; everything in fractions, except the counts."""

    metric: str
    a: str
    b: str
    difference: float
    ends: tuple[float, float]
    """The 95 % interval of the difference."""
    p: float
    comparisons: int
    """For which p was corrected."""
    margin: float
    rows: int
    """Units that were resampled."""
    unit: tuple[str, str]
    """Those units, in English and Chinese."""
    seeds: int
    """Of each of the two; 1 where the two are single trained models."""
    more_rows: float
    """That would settle it, or infinity."""
    more_seeds: float
    """The same, where rows would not."""
    unit_value: float = 1.0
    """What the margin is a share of: 1 for fractions, b's own figure where a metric has no bound."""

    def told(self, word: str) -> Said:
        """The sentence of a verdict: `better`, `worse`, `tie` or `cannot tell`."""
        said = {"tie": self._tie, "cannot tell": self._cannot_tell}.get(word, lambda: self._apart(word))()
        return joined(said, self._over_seeds())

    @property
    def _by(self) -> Said:
        by, (low, high) = amount(self.metric, self.difference), (figure(self.metric, end) for end in self.ends)
        return {"en": f"{by['en']} (95 % interval {low} to {high})", "zh": f"{by['zh']}（95% 区间 {low} 至 {high}）"}

    @property
    def _width(self) -> Said:
        """The margin."""
        if self.metric in humane.UNBOUNDED:
            share = humane.share(self.margin, 1)
            return {"en": share, "zh": share.replace(" ", "")}
        return amount(self.metric, self.margin, sign=False)

    def _apart(self, word: str) -> Said:
        width, inside = self._width, abs(self.difference) < self.margin * self.unit_value
        return {
            "en": f"{self.a} is {word} than {self.b} on {self.metric}: {self._by['en']}."
            + f" That is less than the margin of {width['en']} that counts." * inside,
            "zh": f"在 {self.metric} 上，{self.a} {'优于' if word == 'better' else '不如'} {self.b}："
            + f"相差 {self._by['zh']}。"
            + f"这一差异小于 {width['zh']}的容限。" * inside,
        }

    def _tie(self) -> Said:
        bare = points(self.margin, sign=False)
        width, width_zh = self._width.values() if self.metric in humane.UNBOUNDED else (bare, bare)
        return {
            "en": f"{self.a} and {self.b} tie on {self.metric}: {self._by['en']}, "
            f"at the 5 % level no more than {width} either way.",
            "zh": f"在 {self.metric} 上，{self.a} 与 {self.b} 相当：相差 {self._by['zh']}，"
            f"在 5% 水平上不超过 {width_zh}。",
        }

    def _cannot_tell(self) -> Said:
        unit, unit_zh = self.unit
        said = {
            "en": f"{self.rows:,} {unit} cannot tell {self.a} and {self.b} apart on {self.metric}: {self._by['en']}.",
            "zh": f"仅凭 {self.rows:,} {unit_zh}，无法分辨 {self.a} 与 {self.b} 在 {self.metric} 上的高下："
            f"相差 {self._by['zh']}。",
        }
        if self.ends[0] > 0 or self.ends[1] < 0:  # the interval alone would say otherwise
            p, tests = f"{self.p:.2f}", f"{self.comparisons:,}"
            chance = {
                "en": f" It may still be chance: p = {p}, corrected for the number of comparisons ({tests}).",
                "zh": f"这仍可能出于偶然：p = {p}，已按比较次数（{tests}）校正。",
            }
            said = joined(said, chance)
        return joined(said, self._hope())

    def _hope(self) -> Said:
        """How many more rows, or seeds, would settle it, to two digits."""
        unit, unit_zh = self.unit
        if math.isfinite(self.more_rows):
            about = f"{int(float(f'{max(1.0, self.more_rows):.1e}')):,}"
            return {
                "en": f" About {about} more {unit} could settle it.",
                "zh": f"大约再有 {about} {unit_zh}可以得出结论。",
            }
        if math.isfinite(self.more_seeds):
            more = max(1, math.ceil(self.more_seeds))
            about = f"{more:,}"
            return {
                "en": f" More {unit} would not settle it, about {about} more seed{'s' * (more > 1)} could.",
                "zh": f"增加{unit_zh}数无法得出结论，每种方法大约再加 {about} 个随机种子可以。",
            }
        if self.seeds > 1:
            return {
                "en": f" Neither more {unit} alone nor more seeds alone would settle it.",
                "zh": f"仅增加{unit_zh}数或仅增加随机种子都无法得出结论。",
            }
        return {"en": f" More {unit} would not settle it.", "zh": f"增加{unit_zh}数也无法得出结论。"}

    def _over_seeds(self) -> Said:
        if self.seeds < 2:
            return {"en": "", "zh": ""}
        return {
            "en": f" These are means over {self.seeds} seeds, and the interval holds how much the seeds differ.",
            "zh": f"为 {self.seeds} 个随机种子的平均，种子间的差异已计入区间。",
        }


def costs(a: tuple[str, Mapping[str, Any]], b: tuple[str, Mapping[str, Any]]) -> Said:
    """What the lighter of two trained methods saves: ` lora trains 0.9 % of the parameters, ships 1.1 MB and took 61 %
    of the time of full.` Empty where nothing was measured or one of the two trains nothing.

    Each of the two is its name and its facts as a trial of `results.json` has them.
    """
    (name, light), (other, heavy) = sorted((a, b), key=lambda side: side[1].get("trainable_parameters") or 0)
    if not light.get("trainable_parameters") or not heavy.get("train_seconds") or not light.get("train_seconds"):
        return {"en": "", "zh": ""}
    share = humane.share(light["trainable_parameters"], light.get("total_parameters"))
    size, time = humane.size(light.get("shipped_bytes")), humane.share(light["train_seconds"], heavy["train_seconds"])
    return {
        "en": f" {name} trains {share} of the parameters, ships {size} and took {time} of the training time of "
        f"{other}.",
        "zh": f"{name} 只训练 {share} 的参数，交付 {size}，训练时间为 {other} 的 {time}。",
    }


def with_costs(said: Mapping[str, str], more: Said) -> Said:
    """A verdict's sentence with its costs, which stand before the words on how many seeds it speaks for."""
    found = {}
    for language, text in said.items():
        last = next((s[language] for s in (ONE_SEED, ONE_MODEL) if text.endswith(s[language])), "")
        found[language] = text.removesuffix(last) + more[language] + last
    return found


def detectable(
    difference: float, metric: str, rows: int, unit: tuple[str, str], pilot: Said | None = None, seeds: int = 1
) -> Said:
    """What a study can find at all, to be read before the time is spent; `pilot` is what the spread was taken from."""
    width = amount(metric, difference, sign=False)
    also, also_zh = (f" and {seeds} seeds", f"和 {seeds} 个随机种子") if seeds > 1 else ("", "")
    said = {
        "en": f"With {rows:,} {unit[0]}{also}, true differences of {width['en']} on {metric} are found in 4 of 5 "
        "studies; smaller ones are often missed.",
        "zh": f"用 {rows:,} {unit[1]}{also_zh}，{metric} 上 {width['zh']}的真实差异"
        "在五次研究中约有四次能被发现，更小的常会漏掉。",
    }
    if metric not in humane.UNBOUNDED and difference > 1:
        said = {
            "en": f"With {rows:,} {unit[0]}{also}, not even a true difference of 100 points on {metric} is found in 4 "
            "of 5 studies: nothing can be decided.",
            "zh": f"用 {rows:,} {unit[1]}{also_zh}，{metric} 上的真实差异即使达到 100 个百分点，"
            "五次研究中能发现的也不到四次：什么都无法判定。",
        }
    if pilot is None:
        return said
    source = {"en": f" Spread taken from {pilot['en']}.", "zh": f"离散程度取自{pilot['zh']}。"}
    return joined(said, source)


def joined(*parts: Said) -> Said:
    """Sentences one after the other, each in its language."""
    return {language: "".join(part[language] for part in parts) for language in parts[0]}


def amount(metric: str, value: float, sign: bool = True) -> Said:
    """A difference in the metric's unit, `+1.25 points`; without a unit where it is no fraction."""
    text = figure(metric, value, sign)
    return (
        {"en": text, "zh": text} if metric in humane.UNBOUNDED else {"en": f"{text} points", "zh": f"{text} 个百分点"}
    )


def figure(metric: str, value: float, sign: bool = True) -> str:
    """The number of `amount`, with a digit more than tables show."""
    if metric not in humane.UNBOUNDED:
        return points(value, sign)
    text = f"{value:{'+' if sign else ''}.{humane.UNBOUNDED[metric] + 1}f}"
    return (text if float(text) else text.lstrip("+-")).replace("-", "−")


def points(fraction: float, sign: bool = True) -> str:
    """A fraction as points out of 100 with two digits, `+1.25`; the minus is a real one."""
    text = f"{100 * fraction:{'+' if sign else ''}.2f}"
    return "0.00" if float(text) == 0 else text.replace("-", "−")


def mean_costs(trials: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The facts of one method's trials as one: what a seed changes (seconds) as a mean, the rest as it is."""
    first = dict(trials[0])
    seconds = [t["train_seconds"] for t in trials if t.get("train_seconds")]
    return first | {"train_seconds": sum(seconds) / len(seconds) if seconds else None}
