"""Names say what a thing is; a name that fits everything says nothing."""

from __future__ import annotations

import ast
import re

import pytest

from tests.house.source import modules, place

EMPTY = {
    "util",
    "utils",
    "manager",
    "handler",
    "base",
    "common",
    "misc",
    "helper",
    "helpers",
    "engine",
    "wrapper",
    "abstract",
}
CLASSES_ONLY = {"context", "bases"}
PACKAGES = {"bases", "engines"}
"""Built-in backbones, and where trials run: nouns of this house."""


@pytest.mark.parametrize("module", sorted(modules()))
def test_names(module):
    for part in module.split("."):
        assert part in PACKAGES or not words(part) & EMPTY, f"the file {module} has a name that says nothing"
    for node in ast.walk(modules()[module]):
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            banned = EMPTY | CLASSES_ONLY if isinstance(node, ast.ClassDef) else EMPTY
            assert not words(node.name) & banned, f"{place(module, node)} {node.name} says nothing"


def words(name: str) -> set[str]:
    """`TrialManager`, `trial_manager` -> {trial, manager}."""
    return {w.lower() for w in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)}


def test_words_of_a_name():
    assert words("TrialManager") == {"trial", "manager"} and words("read_utils") == {"read", "utils"}
