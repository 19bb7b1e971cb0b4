"""What a method is: a frozen dataclass that says what may change, and makes the `Delta` that changes it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from ..backbone import Backbone
from ..delta import Delta, Site
from ..errors import Refused, SpellingError


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
    rates: ClassVar[tuple[float, float]] = (1e-4, 1e-2)
    """Learning rates worth searching."""
    published_rate: ClassVar[float] = 1e-3
    """What publications use at about 250 M parameters, the size of most of them."""
    growth: ClassVar[float] = 1 / 3
    """Smaller backbones bear larger rates: the default is `published_rate` · (250 M / parameters)^growth, where
    fewer than 4 M parameters, the smallest size it was tried on, count as 4 M."""

    def delta(self, backbone: Backbone) -> Delta:
        """A fresh delta, drawn from torch's global generator (the caller seeds it).

        Raises:
            Refused: the method cannot act on this backbone, with the reason.
        """
        raise NotImplementedError(self.word)

    def rate(self, backbone: Backbone) -> float:
        """The peak learning rate of this method on this backbone: the one that was set, else the card's default."""
        chosen = getattr(self, "learning_rate", None)
        return (
            self.published_rate * (250e6 / max(backbone.parameters, 4e6)) ** self.growth if chosen is None else chosen
        )

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
        if value < least:
            raise SpellingError(
                f"{method.word}: {name}={value} is too small.", f"{least} or more", f"set {name} to at least {least}"
            )


def rate_in_range(method: Method) -> None:
    """Refuse a learning rate that cannot train."""
    rate = method.learning_rate
    if rate is not None and not 0 < rate < 100:
        raise SpellingError(
            f"{method.word}: learning_rate={rate} cannot train.", "above 0 and below 100", f"try {method.rates[0]}"
        )


def target_modules(backbone: Backbone, *groups: Sequence[Site]) -> list[list[str]]:
    """Groups of sites as PEFT's target modules, which match by the end of a path: last names where they say enough,
    whole paths where a last name would also match a module of another group or of none (`dense`, `c_proj`)."""
    paths = [[site.path for site in group] for group in groups]
    short = [sorted({path.rsplit(".", 1)[-1] for path in group}) for group in paths]
    modules = [name for name, _ in backbone.model.named_modules()]
    enough = all(
        {m for m in modules if m.rsplit(".", 1)[-1] in names} == set(group) for names, group in zip(short, paths)
    )
    return short if enough else paths


def targets_of(modules: Sequence[str] | str, backbone: Backbone) -> str:
    """PEFT's target modules (ends of paths, or one regular expression) -> our roles.

    Raises:
        Refused: none of them is a projection of this backbone.
    """

    def named(path: str) -> bool:
        if isinstance(modules, str):
            return re.fullmatch(modules, path) is not None
        return any(path == m or path.endswith(f".{m}") for m in modules)

    roles = [role for role in backbone.family.roles if any(named(site.path) for site in backbone.role_sites(role))]
    if not roles:
        raise Refused(
            f"The adapter's modules {modules!r} are no projections of {backbone.name}.",
            ", ".join(backbone.roles()),
            "check which backbone it was trained on",
        )
    return ",".join(roles)


def unsupported(config: Mapping[str, Any], *settings: str) -> None:
    """Refuse an adapter that uses a setting which would change its numbers here.

    Raises:
        Refused: one of `settings` is set.
    """
    for name in settings:
        if config.get(name):
            raise Refused(
                f"The adapter uses {name}={config[name]!r}.", "adapters without it", "use peft itself for this one"
            )


TASK_TYPES = {"seq2seq": "SEQ_2_SEQ_LM", "causal": "CAUSAL_LM", "encoder": "SEQ_CLS"}
"""Kind of backbone -> PEFT's task type."""
