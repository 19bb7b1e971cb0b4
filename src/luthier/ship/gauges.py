"""Counts and durations in Prometheus' text format.

Source: the format's own documentation, "Exposition formats", text-based format 0.0.4.
"""

from __future__ import annotations

from collections import defaultdict

from .. import __version__

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Seconds."""

ABOUT = {
    "luthier_requests_total": "Requests by route, model and status.",
    "luthier_rejected_total": "Requests turned away, by reason.",
    "luthier_tokens_total": "Tokens read and said.",
    "luthier_changes_total": "Deltas added and removed while serving, by outcome.",
    "luthier_request_seconds": "From the request to the end of its answer.",
    "luthier_first_token_seconds": "From the request to its first token.",
    "luthier_rows_running": "Rows in the batch.",
    "luthier_rows_waiting": "Rows that wait for a place.",
    "luthier_models": "Deltas that are served.",
    "luthier_build_info": "Version.",
}

Labels = tuple[tuple[str, str], ...]


class Gauges:
    """What a server counts; only the event loop's thread uses it."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, Labels], float] = defaultdict(float)
        self._durations: dict[tuple[str, Labels], list[float]] = {}

    def count(self, name: str, by: float = 1, **labels: str) -> None:
        self._counts[name, tuple(labels.items())] += by

    def observe(self, name: str, seconds: float, **labels: str) -> None:
        row = self._durations.setdefault((name, tuple(labels.items())), [0.0] * (len(BUCKETS) + 2))
        for place, edge in enumerate(BUCKETS):
            row[place] += seconds <= edge
        row[-2] += 1
        row[-1] += seconds

    def text(self, now: dict[str, float]) -> str:
        """Everything so far, and the values of this moment."""
        lines: dict[str, list[str]] = defaultdict(list)
        for (name, labels), value in self._counts.items():
            lines[name].append(_line(name, labels, value))
        for (name, labels), row in self._durations.items():
            for edge, value in zip((*map(str, BUCKETS), "+Inf"), row):
                lines[name].append(_line(f"{name}_bucket", (*labels, ("le", edge)), value))
            lines[name] += [_line(f"{name}_count", labels, row[-2]), _line(f"{name}_sum", labels, row[-1])]
        for name, value in now.items():
            lines[name].append(_line(name, (), value))
        lines["luthier_build_info"].append(_line("luthier_build_info", (("version", __version__),), 1))
        kinds = {"_total": "counter", "_seconds": "histogram"}
        heads = {n: next((k for end, k in kinds.items() if n.endswith(end)), "gauge") for n in lines}
        return "".join(
            f"# HELP {name} {ABOUT[name]}\n# TYPE {name} {heads[name]}\n" + "".join(rows)
            for name, rows in lines.items()
        )


def _line(name: str, labels: Labels, value: float) -> str:
    said = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels)
    return f"{name}{{{said}}} {value:g}\n" if said else f"{name} {value:g}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
