"""The docstring of a method, task or metric is its card, and the README names every method."""

from __future__ import annotations

import re

import pytest

from luthier.cite import bibtex
from luthier.methods import METHODS
from luthier.metrics import METRICS
from luthier.tasks import TASKS
from tests.house.source import ROOT

DATED = re.compile(r"\b(19|20)\d\d\b|arXiv:\d{4}\.\d{4,5}")
"""An arXiv number begins with year and month."""
PARTS = {
    "methods": (r"Source:", r"Trained:", r"Wins", r"[Ff]ails|costs", r"Defaults:"),
    "tasks": (r"Example:", r"Right:", r"Limits:", r"Defaults:"),
    "metrics": (r"Example:|Formula:", r"Source:", r"Range:", r"Misleads:", r"Defaults:"),
}
SHELVES = {"methods": METHODS, "tasks": TASKS, "metrics": METRICS}
CARDS = [
    (kind, word, cls)
    for kind, shelf in SHELVES.items()
    for word, cls in shelf.items()
    if cls.__module__.startswith("luthier.")
]


@pytest.mark.parametrize(("kind", "word", "cls"), CARDS, ids=[f"{k}-{w}" for k, w, _ in CARDS])
def test_card_is_complete_and_in_order(kind, word, cls):
    assert "__doc__" in vars(cls), f"{word} has no card of its own"
    card = cls.__doc__
    places = [re.search(part, card) for part in PARTS[kind]]
    missing = [part for part, found in zip(PARTS[kind], places) if found is None]
    assert not missing, f"the card of {word} lacks {missing}"
    starts = [found.start() for found in places]
    assert starts == sorted(starts), f"the card of {word} is not in the order {PARTS[kind]}"
    assert len(card.strip().splitlines()[0]) > 10, "the first line says what it is"
    assert DATED.search(card), f"the card of {word} does not date its source"


@pytest.mark.parametrize(
    "word", [w for w, cls in METHODS.items() if w != "peft" and cls.__module__.startswith("luthier.")]
)
def test_cite_finds_the_source_of_a_method(word):
    assert bibtex([METHODS[word]]).startswith("@misc{"), 'write the source as: Who et al. 2021, "Title", arXiv:…'


@pytest.mark.parametrize("word", METRICS)
def test_cite_finds_the_source_of_a_metric(word):
    assert bibtex([METRICS[word]]).startswith("@misc{")


@pytest.mark.parametrize("page", ["README.md", "README.zh.md"])
@pytest.mark.parametrize("word", METHODS)
def test_readme_names_every_method(page, word):
    text = (ROOT / page).read_text(encoding="utf-8")
    assert re.search(rf"^\|[^|]*`{word}\b", text, re.MULTILINE), f"{page} has no table row for {word}"


def test_the_page_of_cards_is_up_to_date():
    from docs.make_methods import PAGE, page

    assert PAGE.read_text(encoding="utf-8") == page(), "run: python docs/make_methods.py"
