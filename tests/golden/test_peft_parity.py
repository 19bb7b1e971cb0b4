"""The same numbers as the `peft` library, weights copied, files read by both sides.

Exactly equal (0.0) for LoRA and IA3, which do the same products in the same order; 1e-5 elsewhere.
"""

from __future__ import annotations

import json

import peft
import pytest
import tiny
import torch
import transformers as hf

from luthier import store
from luthier.batches import Layout, collate
from luthier.delta import Delta, attach
from luthier.errors import Refused, UserError
from luthier.methods import METHODS
from luthier.spell import parse

EXACT = 0.0
CAUSAL = ("gpt2", "bloom", "llama", "qwen2", "qwen3")
SHARED_FORMS = [
    *(
        (w, f, EXACT)
        for w in ("lora(rank=4)", "lora(rank=4, alpha=16.0, rslora=True)")
        for f in tiny.FAMILIES
        if f not in ("gpt2", "bloom", "bert", "roberta")
    ),
    *((f"lora(rank=4, targets='{t}')", f, EXACT) for f in ("gpt2", "bloom") for t in ("qkv", "qkv,o,up,down", "o")),
    ("lora(rank=4, targets='all')", "llama", EXACT),
    ("lora(rank=4, targets='o')", "t5", EXACT),
    *(("ia3", f, EXACT) for f in ("t5", "bart", "llama", "qwen2", "qwen3")),
    ("ia3(targets='qkv')", "gpt2", EXACT),
    ("ia3(targets='qkv')", "bloom", EXACT),
    *(("dora(rank=4)", f, 1e-5) for f in ("t5", "bart", "llama", "qwen3")),
    ("dora(rank=4, targets='qkv')", "gpt2", 1e-5),
    ("dora(rank=4, targets='qkv')", "bloom", 1e-5),
    *(("prompt(tokens=5)", f, 1e-5) for f in (*CAUSAL, "t5", "bart")),
    *(("ptuning(tokens=5)", f, 1e-5) for f in (*CAUSAL, "t5")),
    *(("prefix(tokens=5)", f, 1e-5) for f in CAUSAL),
    *(("layernorm", f, 1e-5) for f in ("t5", "bart", *CAUSAL)),
]
forms = pytest.mark.parametrize(("word", "family", "tolerance"), SHARED_FORMS, ids=lambda v: str(v))

# PEFT says these things whenever it opens an adapter beside a model that is in memory only.
pytestmark = [
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning"),
    pytest.mark.filterwarnings("ignore:Could not find a config file"),
    pytest.mark.filterwarnings("ignore:Unsupported layer type"),
]


def prepared(family):
    """Ids, mask and whatever else both sides read: ragged, padded on the right."""
    bone = tiny.shared(family)
    return bone, collate(tiny.plan(bone), range(6), Layout.of(bone, Delta({})))


def ours(bone, made, batch):
    """Logits at the real positions, virtual ones left out."""
    layout = Layout.of(bone, made)
    laid = collate(tiny.plan(bone), range(6), layout)
    more = {} if laid.positions_BS is None else {"position_ids": laid.positions_BS}
    if laid.decoder_BT is not None:
        more["decoder_input_ids"] = laid.decoder_BT
    with torch.no_grad(), attach(bone.model, made):
        logits = bone.model(input_ids=laid.ids_BS, attention_mask=laid.mask_BS, **more).logits
    return logits if bone.kind == "seq2seq" else logits[:, layout.virtual :]


def theirs(wrapped, batch, virtual=0):
    more = {} if batch.decoder_BT is None else {"decoder_input_ids": batch.decoder_BT}
    with torch.no_grad():
        logits = wrapped(input_ids=batch.ids_BS, attention_mask=batch.mask_BS, **more).logits
    return logits if batch.decoder_BT is not None else logits[:, virtual:]


def fresh(family, word):
    """A model for the other side; with our attention where equality must be exact."""
    return tiny.FAMILIES[family]() if "prefix" in word else tiny.backbone(family).model


def close(one, two, batch, tolerance):
    """At real positions: what a padded position computes is nobody's answer."""
    real = batch.mask_BS.bool() if batch.decoder_BT is None else slice(None)
    assert one.shape == two.shape
    difference = (one[real] - two[real]).abs().max().item()
    assert difference <= tolerance


@forms
def test_what_we_save_peft_opens_with_equal_logits(word, family, tolerance, tmp_path):
    bone, batch = prepared(family)
    how, made = parse(word, METHODS), tiny.delta(bone, word, moved=0.1)
    store.save(tmp_path, bone, how, made)
    wrapped = peft.PeftModel.from_pretrained(fresh(family, word), tmp_path).eval()
    said = ours(bone, made, batch)
    close(said, theirs(wrapped, batch, made.virtual_tokens), batch, tolerance)
    assert (said - ours(bone, Delta({}), batch)).abs().max() > 1e-4, "the delta says what the backbone says"
    bone.check_untouched()


CONFIGS = {
    "lora": lambda kind: peft.LoraConfig(task_type=kind, r=4, lora_alpha=8, init_lora_weights=False),
    "rslora": lambda kind: peft.LoraConfig(task_type=kind, r=4, use_rslora=True, init_lora_weights=False),
    "all linear": lambda kind: peft.LoraConfig(
        task_type=kind, r=2, target_modules="all-linear", init_lora_weights=False
    ),
    "dora": lambda kind: peft.LoraConfig(task_type=kind, r=4, use_dora=True, init_lora_weights=False),
    "ia3": lambda kind: peft.IA3Config(task_type=kind, init_ia3_weights=False),
    "prompt": lambda kind: peft.PromptTuningConfig(task_type=kind, num_virtual_tokens=5),
    "ptuning": lambda kind: peft.PromptEncoderConfig(task_type=kind, num_virtual_tokens=5, encoder_hidden_size=16),
    "prefix": lambda kind: peft.PrefixTuningConfig(task_type=kind, num_virtual_tokens=5),
    "projected prefix": lambda kind: peft.PrefixTuningConfig(
        task_type=kind, num_virtual_tokens=5, prefix_projection=True, encoder_hidden_size=16
    ),
    "norms": lambda kind: peft.LNTuningConfig(task_type=kind),
    "embedding norms": lambda kind: peft.LNTuningConfig(task_type=kind, target_modules=["LayerNorm"]),
}
MADE_BY_PEFT = [
    *(
        (m, f)
        for m in ("lora", "rslora", "dora", "ia3", "prompt", "norms")
        for f in ("t5", "bart", "gpt2", "bloom", "llama", "qwen2")
    ),
    ("all linear", "llama"),
    ("all linear", "gpt2"),
    ("all linear", "t5"),
    ("lora", "qwen3"),
    ("ptuning", "t5"),
    ("ptuning", "llama"),
    *((m, f) for m in ("prefix", "projected prefix") for f in CAUSAL),
]
UNSUPPORTED_THERE = {("norms", "bart"), ("norms", "qwen2")}
"""PEFT has no default targets for these."""


@pytest.mark.parametrize(("made_by", "family"), [c for c in MADE_BY_PEFT if c not in UNSUPPORTED_THERE])
def test_what_peft_saves_we_open_with_equal_logits(made_by, family, tmp_path):
    bone, batch = prepared(family)
    torch.manual_seed(0)
    config = CONFIGS[made_by]("SEQ_2_SEQ_LM" if bone.kind == "seq2seq" else "CAUSAL_LM")
    if getattr(config, "fan_in_fan_out", None) is False:
        config.fan_in_fan_out = family == "gpt2"
    wrapped = peft.get_peft_model(fresh(family, made_by), config).eval()
    noise(wrapped)
    wrapped.save_pretrained(tmp_path)
    how, made = store.open_adapter(tmp_path, bone)
    assert parse(repr(how), METHODS) == how
    exact = made_by in ("lora", "rslora", "all linear", "ia3")
    close(ours(bone, made, batch), theirs(wrapped, batch, made.virtual_tokens), batch, EXACT if exact else 1e-5)


def noise(wrapped):
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in wrapped.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.05)


# -- classifiers ------------------------------------------------------------------------------------------------------

CLASSIFIERS = {
    "bert": hf.BertForSequenceClassification,
    "roberta": hf.RobertaForSequenceClassification,
    "llama": hf.LlamaForSequenceClassification,
    "gpt2": hf.GPT2ForSequenceClassification,
}
HEADED = [
    *(("lora(rank=4)", f) for f in ("bert", "roberta", "llama")),
    ("lora(rank=4, targets='qkv')", "gpt2"),
    ("lora(rank=4, targets='o')", "bert"),
    *(("ia3", f) for f in ("bert", "roberta", "llama")),
    *(("dora(rank=4)", f) for f in ("bert", "llama")),
    *(("layernorm", f) for f in ("bert", "roberta", "llama")),
    ("prompt(tokens=5)", "llama"),
    ("prefix(tokens=5)", "llama"),
]


def classifier(family):
    """The library's sequence classifier over the weights of our tiny backbone."""
    source = tiny.FAMILIES[family]()
    source.config.num_labels = 3
    torch.manual_seed(1)
    model = CLASSIFIERS[family](source.config)
    model.base_model.load_state_dict(source.base_model.state_dict(), strict=False)
    return model.eval()


def batch_of_classes(bone, made):
    tokens = tiny.plan(tiny.shared("bert")) if bone.kind == "encoder" else tiny.plan(bone)
    tokens = type(tokens)(tokens.inputs, tuple(a[:0] for a in tokens.answers), tokens.classes)
    return collate(tokens, range(6), Layout.of(bone, made))


def one_by_one(bone, wrapped):
    """Their logits row by row: with virtual rows PEFT loses sight of padding."""
    batch = batch_of_classes(bone, Delta({}))
    with torch.no_grad():
        return torch.cat(
            [
                wrapped(input_ids=ids[mask.bool()][None], attention_mask=mask[mask.bool()][None]).logits
                for ids, mask in zip(batch.ids_BS, batch.mask_BS)
            ]
        )


def class_logits(bone, made):
    from luthier.train import class_logits

    with torch.no_grad(), attach(bone.model, made):
        return class_logits(bone, made, batch_of_classes(bone, made))


@pytest.mark.parametrize(("word", "family"), HEADED)
def test_saved_heads_load_in_the_librarys_sequence_classifiers(word, family, tmp_path):
    bone, how = tiny.shared(family), parse(word, METHODS)
    made = how.delta(bone)
    made.head = bone.new_head(3, seed=4)
    noise(made)
    store.save(tmp_path, bone, how, made.eval())
    wrapped = peft.PeftModel.from_pretrained(classifier(family), tmp_path).eval()
    theirs = one_by_one(bone, wrapped)
    torch.testing.assert_close(class_logits(bone, made), theirs, rtol=0, atol=2e-6)


@pytest.mark.parametrize(
    ("made_by", "family"),
    [
        *((m, f) for m in ("lora", "dora", "ia3") for f in ("bert", "roberta", "llama")),
        ("norms", "llama"),
        ("embedding norms", "bert"),
        ("embedding norms", "roberta"),
        ("prompt", "bert"),
        ("prompt", "llama"),
    ],
)
def test_classifiers_that_peft_saves_open_with_equal_logits(made_by, family, tmp_path):
    bone = tiny.shared(family)
    torch.manual_seed(0)
    wrapped = peft.get_peft_model(classifier(family), CONFIGS[made_by]("SEQ_CLS")).eval()
    noise(wrapped)
    wrapped.save_pretrained(tmp_path)
    _, made = store.open_adapter(tmp_path, bone)
    assert made.head is not None
    theirs = one_by_one(bone, wrapped)
    if family == "bert" and made_by == "prompt":
        assert made.virtual_first, "PEFT puts an encoder's rows before [CLS]"
    torch.testing.assert_close(class_logits(bone, made), theirs, rtol=0, atol=1e-5)


# -- what cannot be opened is refused, never opened wrong -------------------------------------------------------------


@pytest.mark.parametrize(
    ("family", "change", "named"),
    [
        ("t5", {"alpha_pattern": {"q": 64}}, "alpha_pattern"),
        ("t5", {"rank_pattern": {"q": 2}}, "rank_pattern"),
        ("bart", {"bias": "all", "target_modules": ["q_proj"]}, "act on nothing"),
        ("t5", {"modules_to_save": ["final_layer_norm"]}, "act on nothing"),
        ("t5", {"layers_to_transform": [0]}, "does not fit"),
        ("t5", {"target_modules": ["shared"]}, "no projections"),
    ],
)
def test_lora_settings_that_have_no_counterpart_are_refused(family, change, named, tmp_path):
    config = {"task_type": "SEQ_2_SEQ_LM", "r": 4, "target_modules": ["q", "v"]} | change
    wrapped = peft.get_peft_model(tiny.FAMILIES[family](), peft.LoraConfig(**config))
    wrapped.save_pretrained(tmp_path)
    with pytest.raises(UserError, match=named):
        store.open_adapter(tmp_path, tiny.shared(family))


def test_prefix_of_an_encoder_decoder_is_refused(tmp_path):
    (tmp_path / "adapter_config.json").write_text(json.dumps({"peft_type": "PREFIX_TUNING", "num_virtual_tokens": 5}))
    with pytest.raises(Refused, match="PREFIX_TUNING"):
        store.open_adapter(tmp_path, tiny.shared("t5"))
    (tmp_path / "adapter_config.json").write_text(json.dumps({"peft_type": "LOHA", "r": 5}))
    with pytest.raises(Refused, match="LOHA"):
        store.open_adapter(tmp_path, tiny.shared("t5"))


def test_adapter_of_another_backbone_is_refused(tmp_path):
    store.save(
        tmp_path, tiny.shared("llama"), parse("lora(rank=4)", METHODS), tiny.delta(tiny.shared("llama"), "lora(rank=4)")
    )
    with pytest.raises(UserError):
        store.open_adapter(tmp_path, tiny.shared("t5"))
