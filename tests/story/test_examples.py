"""Every recipe in examples/ runs in its offline form, with few rows."""

from __future__ import annotations

import json
import re

import pytest
import yaml

from luthier.data.sources import HUB_ID
from luthier.methods import METHODS
from luthier.spell import parse_list
from tests.house.source import ROOT

FOLDER = ROOT / "examples"
RECIPES = sorted(path.name for path in FOLDER.glob("*.yaml"))
FEW = ("--steps", "1", "--train-rows", "16", "--test-rows", "4", "--dev-rows", "4", "--no-search", "--out", "run")


def test_every_row_of_the_mission_has_a_recipe_and_the_page_names_them():
    assert {name.split("-")[0] for name in RECIPES} >= {"m0", "m1", "m2", "m3", "m4"}
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`([\w-]+\.yaml)`", page)) == set(RECIPES)


@pytest.mark.parametrize(
    "name", [n if n.startswith(("m3", "m4")) else pytest.param(n, marks=pytest.mark.matrix) for n in RECIPES]
)
def test_the_recipe_runs_offline(name: str, say):
    answer = say("compare", FOLDER / name, "--offline", "--json", *FEW)
    assert answer.code == 0, answer.err
    results = json.loads(answer.out)
    words = yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))
    wanted = parse_list(", ".join((words | words["offline"])["methods"]), METHODS)
    assert [t["method"] for t in results["trials"]] == [repr(m) for m in wanted]
    assert all(t["status"] == "done" and t["metrics"] for t in results["trials"])


@pytest.mark.parametrize("name", RECIPES)
def test_the_recipe_names_models_and_data_of_the_hub(name: str):
    words = yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))
    assert HUB_ID.fullmatch(words["backbone"]) and HUB_ID.fullmatch(words["data"].partition("#")[0])
    assert parse_list(", ".join(words["methods"]), METHODS)
