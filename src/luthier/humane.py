"""Numbers as people read them: `42.1`, `3.5 M`, `1.1 MB`, `61 s`. Whatever was not measured is `—`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

ABSENT = "—"
UNBOUNDED = {"perplexity": 1, "bits_per_byte": 3}
"""Metrics that are no fractions and are shown as they are, and with how many digits."""


def known(value: Any) -> bool:
    """A finite number (a boolean is none)."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def points(metric: str, value: Any) -> str:
    """A fraction as points out of 100, `42.1`; an unbounded metric as itself. The minus is a real one."""
    if not known(value):
        return ABSENT
    text = f"{value:.{UNBOUNDED[metric]}f}" if metric in UNBOUNDED else f"{100 * value:.1f}"
    return (text if float(text) else text.removeprefix("-")).replace("-", "−")


def signed(metric: str, value: Any) -> str:
    """A difference with its sign, `+2.1`."""
    text = points(metric, value)
    return text if text == ABSENT or text.startswith("−") or not float(text) else f"+{text}"


def margin(metric: str, value: Any) -> str:
    """What counts as no difference: `1.0` points of a fraction, `1 %` of the figure itself where it has no bound."""
    return share(value, 1) if metric in UNBOUNDED else points(metric, value)


def interval(metric: str, low: Any, high: Any) -> str:
    """`[40.3, 43.9]`"""
    return f"[{points(metric, low)}, {points(metric, high)}]" if known(low) and known(high) else ""


def scored(metric: str, score: Mapping[str, Any] | None) -> str:
    """`42.1 [40.3, 43.9]` of `{mean, low, high}`."""
    if not score:
        return ABSENT
    return f"{points(metric, score.get('mean'))} {interval(metric, score.get('low'), score.get('high'))}".strip()


def count(value: Any) -> str:
    """Parameters or tokens: `512`, `12 k`, `3.5 M`, `1.2 B`."""
    return _scaled(value, ("", " k", " M", " B", " T"))


def exact(value: Any) -> str:
    """`12,460`"""
    return f"{value:,}" if known(value) else ABSENT


def plain(value: Any) -> str:
    """`3` for 3.0, at most six digits."""
    return f"{value:g}" if known(value) else ABSENT


def day(moment: Any) -> str:
    """The date of an ISO moment."""
    return str(moment)[:10] if isinstance(moment, str) and moment else ABSENT


def fact(name: str, value: Any) -> Any:
    """A named setting: bytes as sizes, everything else as it is."""
    return size(value) if name.endswith("_bytes") else value


def size(value: Any) -> str:
    """Bytes in powers of 1000: `512 B`, `1.1 MB`."""
    return _scaled(value, (" B", " kB", " MB", " GB", " TB"))


def duration(value: Any) -> str:
    """Seconds: `0.4 s`, `61 s`, `4 min 12 s`, `1 h 05 min`."""
    if not known(value):
        return ABSENT
    if value < 120:
        return f"{value:.1f} s" if 0 < value < 9.95 else f"{value:.0f} s"
    whole = round(value)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    minutes = round(value / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min"


def share(part: Any, whole: Any) -> str:
    """`1.4 %`, with two digits that say something."""
    if not known(part) or not known(whole) or whole <= 0:
        return ABSENT
    percent = 100 * part / whole
    return f"{percent:.0f} %" if percent >= 10 or percent == 0 else f"{float(f'{percent:.2g}'):.6g} %"


def rate(value: Any) -> str:
    """A learning rate: `3e-4`."""
    if not known(value):
        return ABSENT
    digits, _, exponent = f"{value:.2e}".partition("e")
    return f"{digits.rstrip('0').rstrip('.')}e{int(exponent)}" if value else "0"


def p_value(value: Any) -> str:
    """`0.012`; below a thousandth only `< 0.001`."""
    if not known(value):
        return ABSENT
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _scaled(value: Any, units: tuple[str, ...]) -> str:
    if not known(value):
        return ABSENT
    scaled, step = float(value), 0
    while abs(scaled) >= 999.5 and step < len(units) - 1:
        scaled, step = scaled / 1000, step + 1
    text = f"{scaled:.1f}" if abs(scaled) < 9.95 and step else f"{scaled:.0f}"
    return f"{text}{units[step]}"
