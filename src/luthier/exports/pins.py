"""Requirements pinned to what is installed here, with everything that they need in turn."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, distribution

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ..errors import UserError


def pinned(names: Iterable[str]) -> str:
    """One `name==version` a line, in the order of names; local labels such as `+cpu` are left out.

    Raises:
        UserError: one of `names` is not installed.
    """
    found: dict[str, str] = {}
    waiting = [(name, "") for name in names]
    seen = set(waiting)
    while waiting:
        name, extra = waiting.pop()
        try:
            installed = distribution(name)
        except PackageNotFoundError as fault:
            raise UserError(
                f"{name} is not installed, so its version cannot be pinned.",
                "an installation with it",
                f"pip install {name}",
            ) from fault
        found[canonicalize_name(name)] = installed.version.split("+")[0]
        for text in installed.requires or ():
            needed = Requirement(text)
            if needed.marker is None or needed.marker.evaluate(default_environment() | {"extra": extra}):
                more = [(needed.name, e) for e in ("", *needed.extras)]
                fresh = [m for m in more if m not in seen and _there(m[0])]
                seen |= set(fresh)
                waiting += fresh
    return "".join(f"{name}=={version}\n" for name, version in sorted(found.items()))


def _there(name: str) -> bool:
    """Whatever an installation works without need not be pinned."""
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True
