"""Trained parameters are what the cards' formulas say, at published sizes, in no memory."""

from __future__ import annotations

import pytest
import tiny
import torch
import transformers as hf

from luthier import store
from luthier.backbone import Backbone
from luthier.methods import METHODS
from luthier.spell import parse
from luthier.trial import total_parameters


@pytest.fixture(scope="module")
def sketch(tmp_path_factory):
    """A config -> the backbone without weights, through the files a published checkpoint has."""

    def draw(config):
        folder = tmp_path_factory.mktemp(config.model_type)
        config.save_pretrained(folder)
        tiny.tokenizer("causal").save_pretrained(folder)
        (folder / "model.safetensors").touch()  # never opened
        return Backbone.sketch(str(folder))

    return draw


@pytest.fixture(scope="module")
def flan_t5_base(sketch):
    return sketch(
        hf.T5Config(
            d_model=768,
            d_kv=64,
            num_heads=12,
            d_ff=2048,
            num_layers=12,
            feed_forward_proj="gated-gelu",
            vocab_size=32128,
            tie_word_embeddings=False,
            decoder_start_token_id=0,
        )
    )


@pytest.fixture(scope="module")
def llama_3b(sketch):
    return sketch(
        hf.LlamaConfig(
            hidden_size=3072,
            num_hidden_layers=28,
            num_attention_heads=24,
            num_key_value_heads=8,
            head_dim=128,
            intermediate_size=8192,
            vocab_size=128256,
            tie_word_embeddings=True,
        )
    )


@pytest.fixture(scope="module")
def bloom_1b4(sketch):
    return sketch(hf.BloomConfig(hidden_size=2048, n_layer=24, n_head=16, vocab_size=46145))


@pytest.fixture(scope="module")
def bert_base(sketch):
    return sketch(hf.BertConfig())


def trained(bone, word):
    with torch.device("meta"):
        return parse(word, METHODS).delta(bone)


def test_flan_t5_base_lora_of_the_dialogue_summary_lab(flan_t5_base):
    how, made = parse("lora(rank=32, targets='q,v')", METHODS), trained(flan_t5_base, "lora(rank=32, targets='q,v')")
    assert flan_t5_base.parameters == 247_577_856
    assert made.trainable_parameters == 3_538_944
    assert total_parameters(flan_t5_base, how, made) == 251_116_800


def test_flan_t5_base_others(flan_t5_base):
    assert trained(flan_t5_base, "dora(rank=32)").trainable_parameters == 3_538_944 + 72 * 768
    assert trained(flan_t5_base, "prompt(tokens=20)").trainable_parameters == 20 * 768
    full = trained(flan_t5_base, "full")
    assert full.trainable_parameters == total_parameters(flan_t5_base, parse("full", METHODS), full) == 247_577_856


def test_bert_base_biases(bert_base):
    assert trained(bert_base, "bitfit").trainable_parameters == 102_912


def test_bloom_1b4_biases_and_prefix(bloom_1b4):
    assert bloom_1b4.parameters == 1_303_111_680
    assert trained(bloom_1b4, "bitfit").trainable_parameters == 544_768
    assert trained(bloom_1b4, "prefix(tokens=10)").trainable_parameters == 983_040


@pytest.mark.parametrize(
    ("word", "count"),
    [
        ("lora(rank=32)", 9_175_040),
        ("lora(rank=64)", 18_350_080),
        ("dora(rank=32)", 9_289_728),
        ("ia3", 286_720),
        ("layernorm", 175_104),
        ("prompt(tokens=200)", 614_400),
        ("ptuning(tokens=20, hidden=3072)", 28_382_208),
        ("prefix(tokens=200)", 11_468_800),
        ("prefix(tokens=50)", 2_867_200),
        ("full", 3_212_749_824),
    ],
)
def test_llama_3b(llama_3b, word, count):
    assert trained(llama_3b, word).trainable_parameters == count


def test_ptuning_ships_its_rows_alone():
    bone = tiny.shared("llama")
    made = tiny.delta(bone, "ptuning(tokens=5, hidden=16)")
    n, d, h = 5, 32, 16
    assert made.trainable_parameters == n * d + (d * h + h) + (h * h + h) + (h * d + d)
    assert sum(t.numel() for t in made.shipped().values()) == n * d


@pytest.mark.parametrize("family", tiny.FAMILIES)
@pytest.mark.parametrize("word", tiny.METHODS)
def test_formulas_of_the_cards(family, word):
    bone = tiny.shared(family)
    how, made = parse(word, METHODS), tiny.delta(bone, word)
    made.head = None
    width = bone.model.config.hidden_size

    def at(targets):
        return [s for s in bone.sites(targets) if s.role != "bias"]

    bias = {n.rsplit(".", 1)[0]: p.numel() for n, p in bone.model.base_model.named_parameters() if n.endswith("bias")}
    start = next(n for n, m in bone.model.named_modules() if m is bone.model.base_model)
    places = {(f"{start}.{n}" if start else n): count for n, count in bias.items()} | {
        s.path: s.features_out for s in at("all")
    }
    norms = [p.numel() for n, p in bone.model.base_model.named_parameters() if "norm" in n.lower() or "ln_" in n]
    formulas = {
        "lora": lambda: sum(4 * (s.features_in + s.features_out) for s in at("q,v")),
        "dora": lambda: sum(4 * (s.features_in + s.features_out) + s.features_out for s in at("q,v")),
        "ia3": lambda: sum(s.features_out for s in at("k,v")) + sum(s.features_in for s in at("down")),
        "bitfit": lambda: sum(places.values()),
        "layernorm": lambda: sum(norms),
        "bottleneck": lambda: sum(2 * 8 * s.features_out + 8 + s.features_out for s in at("o,down")),
        "prompt": lambda: 5 * width,
        "ptuning": lambda: 5 * width + 3 * (width * width + width),
        "prefix": lambda: sum(2 * 5 * heads * d for _, heads, d in bone.attentions()),
        "full": lambda: bone.parameters,
        "peft": lambda: sum(4 + s.features_out for s in at("qkv" if "attention.qkv" in bone.family.roles else "q,v")),
    }
    assert made.trainable_parameters == formulas[how.word]()


def test_a_class_head_is_counted_and_the_unread_word_head_is_not():
    bone = tiny.shared("bert")
    made = tiny.delta(bone, "full")
    body = sum(p.numel() for p in bone.model.base_model.parameters())
    assert made.trainable_parameters == body + 32 * 2 + 2
    assert tiny.delta(bone, "lora(rank=4)").trainable_parameters == 4 * 2 * 2 * 64 + 32 * 2 + 2


def test_shipped_bytes_are_those_of_the_folder(tmp_path):
    bone = tiny.shared("t5")
    written = store.save(tmp_path, bone, parse("lora", METHODS), tiny.delta(bone, "lora"))
    assert written == sum(p.stat().st_size for p in tmp_path.rglob("*") if p.is_file())
