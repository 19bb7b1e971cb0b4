"""What `import luthier` offers is listed, sorted, there, and documented."""

from __future__ import annotations

import dataclasses
import importlib

import pytest

import luthier
from luthier import methods


def test_sorted_and_complete():
    assert luthier.__all__ == sorted(set(luthier._HOMES))
    assert {cls.__name__ for cls in methods.METHODS.values() if cls.__module__.startswith("luthier.")} <= set(
        luthier.__all__
    )


@pytest.mark.parametrize("name", luthier.__all__)
def test_resolvable_and_documented(name):
    thing = getattr(luthier, name)
    home = importlib.import_module(f"luthier.{luthier._HOMES[name]}")
    assert thing is getattr(home, name)
    text = thing.__doc__ or ""
    made_up = f"{name}(" if dataclasses.is_dataclass(thing) else "\0"
    assert text.strip() and not text.startswith(made_up), f"{name} has no docstring"


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'lora_config'"):
        luthier.lora_config  # noqa: B018


def test_folders_list_what_they_export():
    for folder in ("methods", "metrics", "tasks", "data"):
        package = importlib.import_module(f"luthier.{folder}")
        assert sorted(package.__all__) == sorted(set(package.__all__))
        for name in package.__all__:
            assert getattr(package, name) is not None
