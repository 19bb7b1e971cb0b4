"""Published checkpoints open with exactly the weights they hold: every family's own layout, and the older ones."""

from __future__ import annotations

import json
import re

import pytest
import torch
import transformers as hf
from safetensors.torch import load_file, save_file

from luthier.backbone import Backbone
from luthier.bases import tinies
from luthier.errors import Refused, UserError
from luthier.families import FAMILIES
from luthier.pretrained import loader_of

IDS = torch.tensor([[2, 7, 8, 9, 10, 1], [2, 11, 12, 1, 0, 0]])
MASK = (IDS != 0).long()


@pytest.fixture
def written(tmp_path):
    """A family's tiny checkpoint on disk, its tensors renamed, dropped or added by `change`."""

    def write(family, change=lambda tensors: tensors, sharded=False, **settings):
        model = tinies.model(family, **settings)
        model.save_pretrained(tmp_path, max_shard_size="20KB" if sharded else "50GB")
        tinies.tokenizer(FAMILIES[family].kind).save_pretrained(tmp_path)
        for path in tmp_path.glob("*.safetensors") if not sharded else ():
            save_file(change(load_file(path)), path, metadata={"format": "pt"})
        return tmp_path

    return write


def said(model):
    more = {"decoder_input_ids": IDS} if model.config.is_encoder_decoder else {}
    with torch.no_grad():
        out = model(input_ids=IDS, attention_mask=MASK, **more)
    logits = out.logits if "logits" in out else out.prediction_logits
    return logits if more else logits[MASK.bool()]


def agree(folder, family):
    """Our loading against the library's own, weight by weight and in what the model says."""
    bone = Backbone(str(folder), "fp32")
    theirs = loader_of(bone.kind, family).from_pretrained(folder, attn_implementation="eager").eval()
    mine, other = bone.model.state_dict(), theirs.state_dict()
    assert [n for n in other if n in mine and not torch.equal(mine[n], other[n])] == []
    assert set(other) - set(mine) <= {n for n in other if "pooler" in n}
    torch.testing.assert_close(said(bone.model), said(theirs), rtol=1e-5, atol=5e-6)
    return bone


@pytest.mark.parametrize("family", FAMILIES)
def test_what_the_library_saves_we_open_as_it_does(family, written):
    bone = agree(written(family), family)
    assert bone.caveats == ()
    made = tinies.model(family).state_dict()
    opened = bone.model.state_dict()
    assert all(torch.equal(opened[name], made[name]) for name in made)


@pytest.mark.parametrize("family", ["t5", "bert", "bloom", "llama"])
def test_a_sharded_checkpoint_is_the_whole_one(family, written):
    folder = written(family, sharded=True)
    index = json.loads((folder / "model.safetensors.index.json").read_text())
    assert len(set(index["weight_map"].values())) > 2
    whole = Backbone.of(tinies.model(family), tinies.tokenizer(FAMILIES[family].kind))
    assert agree(folder, family).fingerprint == whole.fingerprint


def without(prefix):
    return lambda tensors: {n.removeprefix(prefix): t for n, t in tensors.items()}


def gamma_and_beta(tensors):
    """BERT as it was first published: converted from another framework, whose norms have gamma and beta."""
    ends = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}
    return {re.sub("|".join(ends), lambda m: ends[m[0]], n): t for n, t in tensors.items()}


def t5_as_first_published(tensors):
    """The embedding under three names, and a bias of cross attention that later versions dropped."""
    whole = dict(tensors)
    for name in ("encoder.embed_tokens.weight", "decoder.embed_tokens.weight"):
        whole[name] = whole["shared.weight"].clone()
    whole["decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"] = torch.zeros(32, 4)
    return whole


def gpt2_as_first_published(tensors):
    """No prefix, and the causal mask saved as a weight of every block."""
    whole = without("transformer.")(tensors)
    for block in range(2):
        whole[f"h.{block}.attn.bias"] = torch.ones(1, 1, 96, 96).tril()
    return whole


def bart_as_first_published(tensors):
    whole = {n.removeprefix("model."): t for n, t in tensors.items() if n != "final_logits_bias"}
    return whole


OLDER = {
    "bloom without a prefix": ("bloom", without("transformer.")),
    "gpt2 without a prefix, masks as weights": ("gpt2", gpt2_as_first_published),
    "gpt2 with its tied head": ("gpt2", lambda t: {**t, "lm_head.weight": t["transformer.wte.weight"].clone()}),
    "bert with gamma and beta": ("bert", gamma_and_beta),
    "roberta with position ids": (
        "roberta",
        lambda t: {**t, "roberta.embeddings.position_ids": torch.arange(96)[None]},
    ),
    "bert with position ids": ("bert", lambda t: {**t, "bert.embeddings.position_ids": torch.arange(96)[None]}),
    "t5 with its embedding three times": ("t5", t5_as_first_published),
    "opt without model.": ("opt", without("model.")),
    "bart without model.": ("bart", bart_as_first_published),
    "llama with its frequencies": (
        "llama",
        lambda t: {**t, "model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(4)},
    ),
}


@pytest.mark.parametrize("layout", OLDER)
def test_older_layouts_hold_the_same_weights(layout, written):
    family, change = OLDER[layout]
    bone = agree(written(family, change), family)
    made = tinies.model(family).state_dict()
    opened = bone.model.state_dict()
    assert [n for n in made if n in opened and not torch.equal(opened[n], made[n])] == []
    assert set(made) == set(opened)


# -- what is missing or left over is told, and never made up ----------------------------------------------------------


def body_only(tensors):
    return {n.removeprefix("bert."): t for n, t in tensors.items() if n.startswith("bert.") and "pooler" not in n}


def test_an_encoders_body_alone_is_enough_and_said(written):
    bone = Backbone(str(written("bert", body_only)), "fp32")
    assert bone.model.base_model.pooler is None
    assert "pooler" in bone.caveats[0] and "tensors of heads are not in the checkpoint" in bone.caveats[1]
    assert bone.facts()["caveats"] == list(bone.caveats)
    made = tinies.model("bert").state_dict()
    assert all(torch.equal(t, made[n]) for n, t in bone.model.state_dict().items() if n.startswith("bert."))


def test_a_word_head_without_a_pooler_is_read(written):
    """Many encoders were saved with the first of their two pretraining heads only."""
    names = ("pooler", "seq_relationship")
    folder = written("bert", lambda t: {n: w for n, w in t.items() if not any(name in n for name in names)})
    bone = Backbone(str(folder), "fp32")
    whole = tinies.model("bert")
    with torch.no_grad():
        torch.testing.assert_close(
            bone.model(input_ids=IDS, attention_mask=MASK).logits[MASK.bool()], said(whole), rtol=1e-5, atol=5e-6
        )
    assert len(bone.caveats) == 1 and "2 tensors of a pooler" in bone.caveats[0]


def test_a_word_head_that_is_missing_is_never_read(written):
    """What the loader makes up in its place is random; only what would read it is refused."""
    bone = Backbone(str(written("bert", body_only)), "fp32")
    assert bone.pooled(IDS, MASK).isfinite().all()
    with pytest.raises(Refused, match="masked-word head"):
        bone.model(input_ids=IDS, attention_mask=MASK)


def drop(name):
    return lambda tensors: {n: t for n, t in tensors.items() if n not in name.split(" and ")}


@pytest.mark.parametrize(
    ("family", "name"),
    [
        ("llama", "lm_head.weight"),  # its embeddings are not tied: a head made up would write nonsense
        ("llama", "model.layers.1.mlp.up_proj.weight"),
        ("bert", "bert.encoder.layer.0.output.dense.bias"),
        ("bloom", "lm_head.weight and transformer.word_embeddings.weight"),  # one matrix
        ("t5", "encoder.final_layer_norm.weight"),
        ("qwen2", "model.layers.0.self_attn.q_proj.bias"),
    ],
)
def test_a_missing_weight_is_an_error_that_names_it(family, name, written):
    settings = {"tie_word_embeddings": False} if family == "llama" else {}
    with pytest.raises(UserError, match=f"lacks .*{re.escape(name.split(' and ')[0])}"):
        Backbone(str(written(family, drop(name), **settings)), "fp32")


def test_a_tensor_without_a_place_is_counted(written):
    folder = written("bert", lambda t: {**t, "classifier.weight": torch.ones(2, 32), "classifier.bias": torch.ones(2)})
    (told,) = Backbone(str(folder), "fp32").caveats
    assert "no place for 2 of the checkpoint's tensors" in told and "classifier.bias" in told


@pytest.mark.parametrize("change", [lambda t: t, without("transformer.")])
def test_blocks_that_the_config_does_not_have_are_an_error(change, written):
    folder = written("gpt2", change)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"n_layer": 1}))
    with pytest.raises(UserError, match="number of layers"):
        Backbone(str(folder), "fp32")


def test_another_shape_is_an_error(written):
    folder = written("llama", lambda t: {**t, "model.norm.weight": torch.ones(31)})
    with pytest.raises(UserError, match="cannot be loaded"):
        Backbone(str(folder), "fp32")


def test_loaders_are_those_of_the_tiny_models():
    for family in FAMILIES:
        assert (
            type(tinies.model(family, layers=1)).__name__
            == type(
                loader_of(FAMILIES[family].kind, family).from_config(
                    hf.AutoConfig.for_model(family, **tinies.SHAPES[family])
                )
            ).__name__
        )
