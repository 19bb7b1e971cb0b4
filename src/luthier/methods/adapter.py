"""Methods in PEFT's words: which modules an adapter means, and which of its settings would change our numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..backbone import Backbone
from ..delta import Site
from ..errors import Refused

TASK_TYPES = {"seq2seq": "SEQ_2_SEQ_LM", "causal": "CAUSAL_LM", "encoder": "SEQ_CLS"}
"""Kind of backbone -> PEFT's task type."""


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
