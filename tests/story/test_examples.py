"""Every recipe in examples/ runs in its offline form, with few rows."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml

from luthier import bases
from luthier.data import BUILT_IN, superglue
from luthier.data.sources import HUB_ID
from luthier.methods import METHODS
from luthier.spell import parse_list
from tests.house.source import ROOT

FOLDER = ROOT / "examples"
RECIPES = sorted(path.name for path in FOLDER.glob("*.yaml"))
FEW = ("--steps", "1", "--train-rows", "16", "--test-rows", "4", "--dev-rows", "4", "--no-search", "--out", "run")


EXTENSIONS = {"zh-summary.yaml", "zh-chat.yaml", "translation.yaml", "keywords.yaml"}
QUICK = ("m4",)
"""The others run with `make matrix`."""


def words_of(name: str) -> dict[str, Any]:
    return yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))


def test_every_row_of_the_mission_has_a_recipe_and_the_page_names_them():
    assert {name.split("-")[0] for name in RECIPES} >= {"m0", "m1", "m2", "m3", "m4"}
    assert set(RECIPES) >= EXTENSIONS
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`([\w-]+\.yaml)`", page)) == set(RECIPES)


@pytest.mark.parametrize(
    "name", [n if n.startswith(QUICK) else pytest.param(n, marks=pytest.mark.matrix) for n in RECIPES]
)
def test_the_recipe_runs_offline(name: str, say):
    answer = say("compare", FOLDER / name, "--offline", "--json", *FEW)
    assert answer.code == 0, answer.err
    results = json.loads(answer.out)
    words = words_of(name)
    wanted = parse_list(", ".join((words | words["offline"])["methods"]), METHODS)
    assert [t["method"] for t in results["trials"]] == [repr(m) for m in wanted]
    assert all(t["status"] == "done" and t["metrics"] for t in results["trials"])


@pytest.mark.parametrize("name", RECIPES)
def test_the_recipe_names_a_model_and_data_that_a_user_can_get(name: str):
    words, text = words_of(name), (FOLDER / name).read_text(encoding="utf-8")
    assert HUB_ID.fullmatch(words["backbone"])
    source = words["data"].partition("#")[0]
    of_hub = HUB_ID.fullmatch(source) or source.partition(":")[0] == superglue.NAME
    assert of_hub or f"> {source}/" in text.split("backbone:")[0], "a hub id, or above it how the files are made"
    assert parse_list(", ".join(words["methods"]), METHODS)


@pytest.mark.parametrize("name", RECIPES)
def test_the_offline_form_names_what_is_built_in(name: str):
    offline = words_of(name)["offline"]
    assert offline["backbone"] in bases.names() and offline["data"] in BUILT_IN
    assert offline["train_rows"] <= 400 and offline["test_rows"] <= 100, "minutes on two cores"
