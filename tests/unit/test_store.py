"""Deltas on disk: which layout, what is written, and what is said when a folder is not what it should be."""

from __future__ import annotations

import json

import pytest
import tiny
import torch

from luthier import store
from luthier.errors import Damaged, UserError
from luthier.methods import METHODS
from luthier.spell import parse


@pytest.mark.parametrize("word", tiny.METHODS)
@pytest.mark.parametrize("family", ["t5", "bloom", "bert"])
def test_any_folder_opens_without_being_told_the_method(word, family, tmp_path):
    bone, how = tiny.shared(family), parse(word, METHODS)
    made = tiny.delta(bone, word, moved=0.1)
    store.save(tmp_path, bone, how, made)
    opened, again = store.open_adapter(tmp_path, bone)
    assert opened.word == how.word
    assert torch.equal(tiny.scores(bone, again), tiny.scores(bone, made))
    bone.check_untouched()


@pytest.mark.parametrize(
    ("word", "family", "peft"),
    [
        ("lora", "t5", True),
        ("lora", "gpt2", False),
        ("lora(targets='qkv')", "gpt2", True),
        ("prompt", "bert", False),
        ("prompt", "t5", True),
        ("prefix", "t5", False),
        ("prefix", "bloom", True),
        ("bitfit", "bart", False),
        ("layernorm", "llama", True),
    ],
)
def test_the_peft_layout_where_peft_knows_the_method(word, family, peft, tmp_path):
    bone = tiny.shared(family)
    store.save(tmp_path, bone, parse(word, METHODS), tiny.delta(bone, word))
    names = sorted(p.name for p in tmp_path.iterdir())
    assert names == (
        ["adapter_config.json", "adapter_model.safetensors"] if peft else ["delta.json", "delta.safetensors"]
    )


def test_target_modules_name_nothing_else():
    """`dense` and `c_proj` stand at several places of a model; there whole paths are written."""
    assert parse("lora", METHODS).adapter_config(tiny.shared("t5"))["target_modules"] == ["q", "v"]
    config = parse("lora(targets='o')", METHODS).adapter_config(tiny.shared("gpt2"))
    assert config["target_modules"] == ["transformer.h.0.attn.c_proj", "transformer.h.1.attn.c_proj"]


def test_a_torn_file_is_damaged_and_a_missing_one_is_named(tmp_path):
    bone = tiny.shared("t5")
    store.save(tmp_path, bone, parse("lora", METHODS), tiny.delta(bone, "lora"))
    weights = tmp_path / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-40])
    with pytest.raises(Damaged, match="adapter_model"):
        store.open_adapter(tmp_path, bone)
    weights.unlink()
    with pytest.raises(UserError, match="missing"):
        store.open_adapter(tmp_path, bone)
    with pytest.raises(UserError, match="holds no adapter"):
        store.open_adapter(tmp_path / "nowhere", bone)


def test_a_delta_of_another_rank_is_refused(tmp_path):
    bone = tiny.shared("t5")
    store.save(tmp_path, bone, parse("lora(rank=4)", METHODS), tiny.delta(bone, "lora(rank=4)"))
    with pytest.raises(UserError, match="does not fit"):
        store.load(tmp_path, bone, parse("lora(rank=8)", METHODS))


def test_pickles_are_never_opened(tmp_path):
    (tmp_path / "adapter_config.json").write_text(
        json.dumps({"peft_type": "LORA", "r": 4, "lora_alpha": 4, "target_modules": ["q", "v"]})
    )
    torch.save({}, tmp_path / "adapter_model.bin")
    with pytest.raises(UserError, match="pickled adapters are not opened"):
        store.open_adapter(tmp_path, tiny.shared("t5"))


def test_finite():
    assert store.finite({"a": torch.ones(2)})
    assert not store.finite({"a": torch.ones(2), "b": torch.tensor([1.0, float("nan")])})
    assert not store.finite({"b": torch.tensor(float("inf"))})
