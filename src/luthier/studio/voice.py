"""What one trial says to a text that was typed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Voice:
    """One answer."""

    trial: str
    method: str
    text: str
    shares: Mapping[str, float]
    """Label -> probability, where a label was chosen."""
