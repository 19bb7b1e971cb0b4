"""What a method is: a frozen dataclass that says what may change, and makes the `Delta` that changes it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from ..backbone import Backbone
from ..delta import Delta
from ..errors import SpellingError


@dataclass(frozen=True)
class Method:
    """Override `delta`; the rest has sensible answers.

    A method's docstring is its card: formula · citation · what is trained and how many · when it wins and fails ·
    where the defaults come from.
    """

    word: ClassVar[str]
    trains: ClassVar[bool] = True
    aliases: ClassVar[Mapping[str, str]] = {"lr": "learning_rate"}
    """Other people's names for our settings."""
    replaces_backbone: ClassVar[bool] = False
    """The delta holds the backbone's weights anew instead of adding to them."""
    shots: ClassVar[int] = 0
    """Training examples that stand before every question."""
    lead: ClassVar[str] = ""
    """A fixed text before every prompt, written by hand."""
    rates: ClassVar[tuple[float, float]] = (1e-4, 3e-3)
    """Lowest and highest learning rate worth searching at about 250 M parameters; the card names their sources."""
    published_rate: ClassVar[float] = 1e-3
    """What publications use at about 250 M parameters, the size of most of them."""
    growth: ClassVar[float] = 1 / 3
    """Smaller backbones bear larger rates: the default is `published_rate` · (250 M / parameters)^growth, where
    fewer than 4 M parameters, the smallest size it was tried on, count as 4 M."""
    structures: ClassVar[Mapping[str, tuple[Any, ...]]] = {}
    """Setting -> the card's default, then what a search tries beside it; the card names their sources. Such a setting
    is None where it is left open."""

    def delta(self, backbone: Backbone) -> Delta:
        """A fresh delta, drawn from torch's global generator (the caller seeds it).

        Raises:
            Refused: the method cannot act on this backbone, with the reason.
        """
        raise NotImplementedError(self.word)

    def rate(self, backbone: Backbone) -> float:
        """The peak learning rate of this method on this backbone: the one that was set, else the card's default."""
        chosen = getattr(self, "learning_rate", None)
        return self.published_rate * self._growth(backbone) if chosen is None else chosen

    def candidates(self, backbone: Backbone) -> tuple[float, ...]:
        """Learning rates to search, rising: the ends of the card's range, its default, and the geometric means between
        them, all moved to the backbone's size as the default is. A rate that was set stands alone."""
        if getattr(self, "learning_rate", None) is not None:
            return (self.rate(backbone),)
        (low, high), middle, growth = self.rates, self.rate(backbone), self._growth(backbone)
        low, high = low * growth, high * growth
        return (low, (low * middle) ** 0.5, middle, (middle * high) ** 0.5, high)

    def value(self, setting: str) -> Any:
        """A structural setting: the one that was set, else the card's default."""
        chosen = getattr(self, setting)
        return self.structures[setting][0] if chosen is None else chosen

    def forms(self) -> tuple[Method, ...]:
        """This method as its card has it, then what a search tries beside it: one open setting changed at a time."""
        left = [name for name in self.structures if getattr(self, name) is None]
        shown = {f.name for f in dataclasses.fields(self) if f.metadata.get("shown")}
        plain = dataclasses.replace(self, **{name: self.value(name) for name in left if name in shown})
        others = [dataclasses.replace(plain, **{n: v}) for n in left for v in self.structures[n][1:]]
        return (plain, *others)

    def _growth(self, backbone: Backbone) -> float:
        return (250e6 / max(backbone.parameters, 4e6)) ** self.growth

    def adapter_config(self, backbone: Backbone) -> dict[str, Any] | None:
        """This method in the words of a PEFT `adapter_config.json`, or None where PEFT has no such method."""
        return None

    @classmethod
    def from_adapter(cls, config: Mapping[str, Any], backbone: Backbone) -> Method | None:
        """The method that a PEFT adapter's config describes, or None where it is another one."""
        return None


def at_least(method: Method, least: float, *names: str) -> None:
    """Refuse settings below `least`."""
    for name in names:
        value = getattr(method, name)
        if value is not None and value < least:
            raise SpellingError(
                f"{method.word}: {name}={value} is too small.", f"{least} or more", f"set {name} to at least {least}"
            )


def dropout_in_range(method: Method) -> None:
    """Refuse a dropout that keeps nothing, or is no share."""
    dropout = method.dropout
    if not 0 <= dropout < 1:
        raise SpellingError(f"{method.word}: dropout={dropout} is no share.", "0 to below 1", "0.05 is usual")


def rate_in_range(method: Method) -> None:
    """Refuse a learning rate that cannot train."""
    rate = method.learning_rate
    if rate is not None and not 0 < rate < 100:
        raise SpellingError(
            f"{method.word}: learning_rate={rate} cannot train.", "above 0 and below 100", f"try {method.rates[0]}"
        )
