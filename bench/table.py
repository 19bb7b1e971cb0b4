"""Runs -> ratios, unequal work, faults; no clock and no torch here."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence

from job import SIDES, Facts

OURS = "luthier"
MEASURES = (
    ("train", "tokens_per_second", "train, tokens/s", "{:,.0f}", 1),
    ("generate", "tokens_per_second", "generate, tokens/s", "{:,.0f}", 1),
    ("train", "peak_bytes", "peak memory of training, MiB", "{:,.0f}", 2**20),
)
"""Stage, fact, words, form, unit."""


def median(values: Iterable[float | None]) -> float | None:
    """Of what was measured; None where nothing was."""
    measured = [v for v in values if v is not None]
    return statistics.median(measured) if measured else None


def lines(runs: Sequence[Facts]) -> list[Facts]:
    """One line for each workload, measure and rival: medians of both sides, and ours / theirs of every round."""
    found = []
    for name in dict.fromkeys(r["workload"] for r in runs):
        here = [r for r in runs if r["workload"] == name]
        for stage, fact, words, form, unit in MEASURES:
            for rival in (s for s in SIDES if s != OURS and any(r["side"] == s for r in here)):
                theirs, ours = (by_round(here, side, stage, fact) for side in (rival, OURS))
                if not theirs and not ours:
                    continue
                pairs = [ours[n] / theirs[n] for n in sorted(ours.keys() & theirs.keys())]
                found.append(
                    {
                        "workload": name,
                        "measure": words,
                        "rival": rival,
                        "theirs": median(theirs.values()),
                        "ours": median(ours.values()),
                        "pairs": pairs,
                        "ratio": median(pairs),
                        "form": form,
                        "unit": unit,
                    }
                )
    return found


def by_round(runs: Sequence[Facts], side: str, stage: str, fact: str) -> dict[int, float]:
    return {r["round"]: r[stage][fact] for r in runs if r["side"] == side and stage in r}


def unequal(runs: Sequence[Facts], works: dict[str, Facts]) -> list[str]:
    """Where sides did not do the same work; such a comparison says nothing."""
    faults = []
    for name, work in works.items():
        here = [r for r in runs if r["workload"] == name]
        trained = [r["train"] for r in here if "train" in r]
        for fact in ("steps", "tokens", "trained_parameters"):
            if len(seen := {f[fact] for f in trained}) > 1:
                faults.append(f"{name}: {fact.replace('_', ' ')} in training differ: {sorted(seen)}")
        starts = [f["loss_before"] for f in trained]
        allowed = 1e-2 if any("bf16" in f["precision"] for f in trained) else 1e-3
        if starts and max(starts) - min(starts) > allowed * max(starts):
            faults.append(f"{name}: losses before training differ: {min(starts):.4f} to {max(starts):.4f}")
        for side, wanted in work["generated_tokens"].items():
            said = {r["generate"]["tokens"] for r in here if "generate" in r and r["side"] == side}
            if said - {wanted}:
                faults.append(f"{name}: {side} generated {sorted(said)} tokens instead of {wanted}")
    return faults


def share_of_peak(runs: Sequence[Facts], works: dict[str, Facts], ceiling: Facts) -> list[Facts]:
    """Useful GFLOP/s of training, and which part of the fastest measured product of matrices that is."""
    peak = ceiling["bf16_gflops"] or ceiling["fp32_gflops"]
    found = []
    for name, work in works.items():
        for side in SIDES:
            speed = median(
                by_round([r for r in runs if r["workload"] == name], side, "train", "tokens_per_second").values()
            )
            if speed:
                useful = speed * work["flops_per_token"] / 1e9
                found.append({"workload": name, "side": side, "gflops": useful, "share": useful / peak})
    return found


def faults(runs: Sequence[Facts]) -> list[str]:
    """What failed or did not fit, once each."""
    said = [f"{r['workload']}, {r['side']}: {r[key]}" for r in runs for key in ("fault", "note") if r.get(key)]
    return list(dict.fromkeys(said))
