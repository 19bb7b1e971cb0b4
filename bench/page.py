"""The result as a page of Markdown, for the terminal and for bench/RESULTS.md."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import table
from job import SIDES, Facts
from workloads import BY_NAME


def page(result: Facts) -> str:
    """bench/RESULTS.md."""
    return "\n".join(
        [*head(result), *measured(result), *losses(result), *comparison(result), *ops(result), *notes(result), ""]
    )


def head(result: Facts) -> list[str]:
    machine, ceiling = result["environment"], result["ceiling"]
    half = f"{ceiling['bf16_gflops']:,.0f} GFLOP/s bf16" if ceiling["bf16_gflops"] else "no fast bf16"
    versions = ", ".join(f"{p} {machine[p]}" for p in ("luthier", "torch", "transformers", "peft", "python"))
    kind = {True: "full figures (`make bench-full`)", False: "quick figures (`make bench`): few steps and rows"}
    memory = (machine["memory_bytes"] or 0) / 2**30
    return [
        "# Results",
        "",
        f"{machine['date'][:10]}, {kind[result['full']]}. README.md beside this page says what is equal and measured.",
        "",
        f"- machine: {machine['cpu']}, {result['threads']} threads, {memory:.0f} GiB; computed on: {result['device']}",
        f"- measured ceiling: {ceiling['fp32_gflops']:,.0f} GFLOP/s fp32, {half}, "
        f"{ceiling['bandwidth_gbytes']:.0f} GB/s; precision: {result['precision']}; "
        f"luthier's kernels: {ceiling['kernels']}",
        f"- load average: {ceiling['load_average']:.1f} before, {result['load_after']:.1f} after",
        f"- {versions}, CTranslate2 {result['ctranslate2'] or 'not installed'}; commit {machine['commit']}",
        f"- rows from {result['data']}; {result['minutes']:.1f} minutes in all",
        "",
    ]


def measured(result: Facts) -> list[str]:
    if not result["runs"]:
        return []
    rows = [
        (
            line["workload"],
            line["measure"],
            line["rival"],
            number(line["theirs"], line["form"], line["unit"]),
            number(line["ours"], line["form"], line["unit"]),
            f"{line['ratio']:.2f}×" if line["ratio"] else "-",
            " ".join(f"{p:.2f}" for p in line["pairs"]),
        )
        for line in result["lines"]
    ]
    shares = [(s["workload"], s["side"], f"{s['gflops']:,.1f}", f"{s['share']:.0%}") for s in result["shares"]]
    titles = [f"- `{n}`: {BY_NAME[n].title}; {w['said']}" for n, w in result["works"].items()]
    return [
        *titles,
        "",
        "Ratios are luthier / rival of a round, and their median; for memory, less is better.",
        "",
        *grid(("workload", "measure", "rival", "rival's", "luthier's", "ratio", "rounds"), rows),
        "",
        *grid(("workload", "side", "useful GFLOP/s of training", "of the measured peak"), shares),
        "",
    ]


def losses(result: Facts) -> list[str]:
    rows = []
    for name in result["works"]:
        for side in SIDES:
            trained = [
                r["train"] for r in result["runs"] if (r["workload"], r["side"]) == (name, side) and "train" in r
            ]
            if trained:
                pair = (
                    number(table.median(f[key] for f in trained), "{:.3f}") for key in ("loss_before", "loss_after")
                )
                rows.append((name, side, *pair, trained[0]["precision"], trained[0]["at_once"] or "its own choice"))
    heads = ("workload", "side", "loss before", "loss after", "precision", "rows at once")
    return [*grid(heads, rows), ""] if rows else []


def comparison(result: Facts) -> list[str]:
    said: list[str] = []
    if built := result.get("built"):
        rows = [
            (
                side,
                f"{f['train_hours']:.2f}",
                f"{f['generate_hours']:.2f}",
                f"{f['hours']:.2f}",
                number(f["ratio"], "{:.1f}×"),
            )
            for side, f in built["sides"].items()
        ]
        heads = ("side", "training, hours", "generation, hours", "whole, hours", "luthier is faster")
        said += [
            "## A whole comparison: 8 methods, 1 epoch, 500 generations",
            "",
            f"Built from measured parts, not run: {built['said']}",
            "",
            *grid(heads, rows),
            "",
        ]
    if real := result.get("real"):
        rows = [
            (
                r["side"],
                number(r.get("seconds"), "{:.1f}"),
                number(r.get("cpu_seconds"), "{:.1f}"),
                r.get("trials", "-"),
                f"{r['generated']:,}" if "generated" in r else "-",
                r["fault"] or "",
            )
            for r in real["runs"]
        ]
        said += [
            "## A small one, run for real",
            "",
            real["said"],
            "",
            *grid(("side", "seconds", "processor seconds", "methods", "generated tokens", ""), rows),
            "",
        ]
        said += [f"luthier is {ratio:.1f}× faster than {side}." for side, ratio in real["ratios"].items()] + [""]
    return said


def ops(result: Facts) -> list[str]:
    """Whatever bench/ops.py measured, as it names it."""
    if isinstance(found := result.get("ops"), str):
        return ["## Ops", "", found, ""]
    if not found:
        return []
    heads = list(dict.fromkeys(key for row in found for key in row))
    rows = [[f"{v:.3g}" if isinstance(v := row.get(key, ""), float) else v for key in heads] for row in found]
    return ["## Ops", "", *grid(heads, rows), ""]


def notes(result: Facts) -> list[str]:
    said = [f"- UNEQUAL: {fault}" for fault in result["unequal"]]
    said += [f"- {fault}" for fault in (*table.faults(result["runs"]), *result["left_out"])]
    return ["## What did not run, did not fit or was not equal", "", *(said or ["- nothing"])]


def grid(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    """A Markdown table, aligned so that it can be read as it is; nothing where there are no rows."""
    if not rows:
        return []
    cells = [[str(c) for c in row] for row in (heads, *rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(heads))]
    said = ["| " + " | ".join(c.ljust(w) for c, w in zip(row, widths)) + " |" for row in cells]
    return [said[0], "|" + "|".join("-" * (w + 2) for w in widths) + "|", *said[1:]]


def number(value: float | None, form: str, unit: int = 1) -> str:
    return "-" if value is None else form.format(value / unit)
