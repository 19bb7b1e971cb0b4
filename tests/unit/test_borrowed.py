"""Words of other tools in a study.yaml mean the same here, and the user is told."""

from __future__ import annotations

import pytest

from luthier.cli.borrowed import DROPPED, MIRRORS, SAME, SETTINGS, translated
from luthier.methods import METHODS
from luthier.mirror import BOARDS
from luthier.spell import parse_list


def test_a_pasted_recipe_becomes_a_study():
    pasted = {
        "model_name_or_path": "somewhere/bert",
        "dataset": "reviews",
        "task_type": "TaskType.SEQUENCE_CLASSIFICATION",
        "lora_r": 8,
        "lora_alpha": 16,
        "target_modules": ["query", "value"],
        "num_train_epochs": 3,
        "cutoff_len": 256,
        "evaluation_strategy": "epoch",
        "load_best_model_at_end": True,
    }
    words, told = translated(pasted)
    assert words == {
        "backbone": "somewhere/bert",
        "data": "reviews",
        "task": "classify",
        "methods": ["lora(rank=8, alpha=16, targets='q,v')"],
        "epochs": 3,
        "max_input_tokens": 256,
    }
    assert len(told) == len(pasted)
    assert {word for word in pasted if any(s.startswith(f"{word} ") for s in told)} == set(pasted)


def test_settings_go_to_the_methods_that_are_named_and_have_none():
    given = "zero_shot, prompt, prefix(tokens=5), lora(targets='q,v')"
    words, told = translated({"backbone": "x", "methods": given, "num_virtual_tokens": 10, "r": 4})
    assert words["methods"] == ["zero_shot", "prompt(tokens=10)", "prefix(tokens=5)", "lora(targets='q,v', rank=4)"]
    assert len(told) == 2


def test_our_own_word_beats_a_borrowed_one():
    words, _ = translated({"epochs": 2, "num_train_epochs": 5, "backbone": "x"})
    assert words == {"epochs": 2, "backbone": "x"}


def test_what_is_nobodys_word_is_left_for_the_error_message():
    assert translated({"backbone": "x", "epocs": 3}) == ({"backbone": "x", "epocs": 3}, [])


@pytest.mark.parametrize(
    ("value", "ours"),
    [
        ("tensorboard", {"mirror": "tensorboard"}),
        (["wandb", "trackio"], {"mirror": "trackio"}),
        ("none", {}),
        ([], {}),
        ("all", {}),
    ],
)
def test_where_curves_are_reported_to(value, ours):
    words, (sentence,) = translated({"report_to": value})
    assert words == ours
    assert sentence.startswith("report_to is read as mirror: " if ours else "report_to is not needed: ")


def test_a_mirror_of_our_own_word_stays_and_the_tools_are_those_there_are():
    words, (sentence,) = translated({"mirror": "trackio", "report_to": "tensorboard"})
    assert words == {"mirror": "trackio"} and sentence.endswith("mirror: trackio")
    assert set(MIRRORS) == set(BOARDS)


@pytest.mark.parametrize("word", SETTINGS)
def test_every_setting_makes_methods_that_can_be_read(word):
    value = {"target_modules": ["q_proj", "v_proj"], "lora_target": "all"}.get(word, 1)
    words, _ = translated({"backbone": "x", word: 0.1 if "dropout" in word else value})
    assert parse_list(", ".join(words["methods"]), METHODS)


def test_no_word_is_in_two_tables():
    assert not (SAME.keys() & SETTINGS.keys() | SAME.keys() & DROPPED.keys() | SETTINGS.keys() & DROPPED.keys())
