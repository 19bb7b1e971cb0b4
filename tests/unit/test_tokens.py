"""New tokens: their rows and no others are trained, saved in PEFT's layout where it has one, and read back by both."""

from __future__ import annotations

import copy
import json

import peft
import pytest
import tiny
import torch

from luthier import encode, store, tokens
from luthier.backbone import Backbone
from luthier.batches import Layout, collate
from luthier.delta import Delta, attach
from luthier.errors import Refused, UserError
from luthier.families import FAMILIES
from luthier.methods import METHODS
from luthier.records import Budget, Example
from luthier.spell import parse
from luthier.tasks import Summarise
from luthier.train import Training, label_logits

NEW = ("<x>", "<y>")
FAMILIES_TRIED = [("llama", False), *((f, True) for f in ("llama", "gpt2", "bloom", "t5", "bart", "gemma3_text"))]
"""And whether the output head is the embedding."""
TASK = Summarise(prompt="{text} :", answer="summary", max_new_tokens=8)
ROWS = [
    Example(str(n), str(n), {"text": text}, (right,))
    for n, (text, right) in enumerate(
        (("a <x> b", "<y> good"), ("c d <x>", "<y>"), ("e f g", "bad <y>"), ("h", "good"))
    )
]

pytestmark = [
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning"),
    pytest.mark.filterwarnings("ignore:Could not find a config file"),
    pytest.mark.filterwarnings("ignore:Model has `tie_word_embeddings=True`"),
]


def backbone(family, new=NEW, **settings):
    made = tiny.model(family, **settings)
    words = copy.deepcopy(tiny.tokenizer(FAMILIES[family].kind))
    return Backbone.of(made, words, f"tiny-{family}" + "".join(f" + {t}" for t in new), new)


def delta(bone, word, moved=0.0):
    torch.manual_seed(1)
    made = bone.teach(parse(word, METHODS).delta(bone))
    with torch.no_grad():
        for weight in made.trained().values() if moved else ():
            weight.add_(torch.randn(weight.shape) * moved)
    return made.eval()


def plan(bone):
    return encode.plan(bone, TASK, ROWS, Budget(max_input_tokens=40, max_answer_tokens=16))


def said(bone, made):
    batch = collate(plan(bone), range(len(ROWS)), Layout.of(bone, made))
    with torch.no_grad(), attach(bone.model, made):
        return label_logits(bone, batch)


@pytest.mark.parametrize(("family", "tied"), FAMILIES_TRIED)
def test_only_the_new_rows_are_trained(family, tied):
    bone = backbone(family, tie_word_embeddings=tied)
    plain = tiny.model(family, tie_word_embeddings=tied)
    have, width = plain.get_input_embeddings().weight.shape
    assert bone.taught == (have, have + 1) and bone.tokenizer("a <x> b")["input_ids"][1] == have
    assert torch.equal(bone.model.get_input_embeddings().weight[:have], plain.get_input_embeddings().weight)
    made = delta(bone, "lora(rank=2)")
    rows = {n: p for n, p in made.trained().items() if ":tokens." in n}
    shared = bone.model.get_output_embeddings().weight is bone.model.get_input_embeddings().weight
    assert sum(p.numel() for p in rows.values()) == len(NEW) * width * (1 if shared else 2)
    before = {n: p.detach().clone() for n, p in made.trained().items()}
    list(Training(bone, made, plan(bone), Budget(steps=3, batch_size=4), 1e-2, seed=0).steps())
    assert all(not torch.equal(p, before[n]) for n, p in made.trained().items() if n in rows)
    bone.check_untouched()


@pytest.mark.parametrize("family", ["llama", "gpt2", "bart"])
def test_a_taught_row_is_the_row_of_the_matrix(family):
    """With the rows written into the matrices themselves, the bare backbone says the same."""
    bone = backbone(family)
    made = delta(bone, "prompt(tokens=2)", moved=0.3)
    same = {n: t for n, t in made.shipped().items() if ":tokens." not in n}
    expected = said(bone, made)
    with torch.no_grad():
        for site, actor in tokens.taught(made).items():
            bone.model.get_submodule(site.path).weight[list(actor.ids)] = actor.taught()
    bare = parse("prompt(tokens=2)", METHODS).delta(bone).eval()
    bare.load_shipped(same)
    torch.testing.assert_close(said(bone, bare), expected, rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize(
    "word", ["lora(rank=2)", "ia3", "bitfit(everywhere=True)", "prompt(tokens=3)", "prefix(tokens=3)"]
)
def test_saved_and_loaded_it_says_the_same(word, tmp_path):
    bone, how = backbone("llama"), parse(word, METHODS)
    made = delta(bone, word, moved=0.2)
    store.save(tmp_path, bone, how, made)
    assert json.loads((tmp_path / "added_tokens.json").read_text()) == dict(zip(NEW, bone.taught))
    for again in (store.load(tmp_path, bone, how), store.open_adapter(tmp_path, bone)[1]):
        assert torch.equal(said(bone, again), said(bone, made))
    with pytest.raises(UserError, match=r"name the backbone as: tiny-llama \+ <x> \+ <y>"):
        store.load(tmp_path, backbone("llama", ()), how)
    with pytest.raises(UserError, match="same tokens in the same order"):
        store.load(tmp_path, backbone("llama", NEW[::-1]), how)


# -- the same files as the peft library -------------------------------------------------------------------------------


def enlarged(family, **settings):
    """The other side's model with two more rows, whatever they hold."""
    model = tiny.model(family, **settings)
    model.resize_token_embeddings(model.config.vocab_size + len(NEW), mean_resizing=False)
    return model


def theirs(wrapped, bone):
    batch = collate(plan(bone), range(len(ROWS)), Layout.of(bone, Delta({})))
    more = {} if batch.decoder_BT is None else {"decoder_input_ids": batch.decoder_BT}
    with torch.no_grad():
        return wrapped(input_ids=batch.ids_BS, attention_mask=batch.mask_BS, **more).logits[batch.wanted]


TARGETS = {"gpt2": "qkv", "bloom": "qkv"}


@pytest.mark.parametrize(("family", "tied"), FAMILIES_TRIED)
def test_what_we_save_peft_opens_with_equal_logits(family, tied, tmp_path):
    bone, word = backbone(family, tie_word_embeddings=tied), f"lora(rank=2, targets='{TARGETS.get(family, 'q,v')}')"
    made = delta(bone, word, moved=0.2)
    store.save(tmp_path, bone, parse(word, METHODS), made)
    wrapped = peft.PeftModel.from_pretrained(enlarged(family, tie_word_embeddings=tied), tmp_path).eval()
    torch.testing.assert_close(theirs(wrapped, bone), said(bone, made), rtol=1e-5, atol=5e-6)


def test_an_untied_head_beside_a_config_that_ties_keeps_its_rows(tmp_path):
    """Flan-T5: PEFT would give the output head the rows of the embedding, so the folder is ours."""
    model = tiny.model("t5")
    model.lm_head.weight = torch.nn.Parameter(model.lm_head.weight.detach() * 0.5)
    bone = Backbone.of(model, copy.deepcopy(tiny.tokenizer("seq2seq")), "flan + <x> + <y>", NEW)
    made = delta(bone, "lora(rank=2)", moved=0.2)
    assert len(tokens.owners(tokens.taught(made))) == 2
    store.save(tmp_path, bone, parse("lora(rank=2)", METHODS), made)
    assert (tmp_path / "delta.json").exists()
    assert torch.equal(said(bone, store.open_adapter(tmp_path, bone)[1]), said(bone, made))


def test_rows_of_a_module_that_reads_no_token_are_refused(tmp_path):
    config = peft.LoraConfig(task_type="CAUSAL_LM", r=2, trainable_token_indices={"model.embed_tokens": [7]})
    peft.get_peft_model(enlarged("llama"), config).save_pretrained(tmp_path)
    written = json.loads((tmp_path / "adapter_config.json").read_text())
    (tmp_path / "adapter_config.json").write_text(json.dumps(written | {"trainable_token_indices": {"norm": [7]}}))
    with pytest.raises(Refused, match="reads no token"):
        store.open_adapter(tmp_path, backbone("llama"))


INPUTS = {"gpt2": "wte", "bloom": "word_embeddings", "t5": "shared", "bart": "shared"}


@pytest.mark.parametrize(
    ("family", "how", "tied"),
    [
        *((f, how, tied) for f in ("llama", "gpt2") for how in ("indices", "matrices") for tied in (False, True)),
        ("gemma3_text", "indices", True),  # its embedding scales what it reads
        ("t5", "indices", True),
    ],
)
def test_what_peft_saves_we_open_with_equal_logits(family, how, tied, tmp_path):
    bone = backbone(family, tie_word_embeddings=tied)
    name = INPUTS.get(family, "embed_tokens")
    more = {"modules_to_save": [name, *([] if tied else ["lm_head"])]}
    if how == "indices":
        more = {"trainable_token_indices": {n: list(bone.taught) for n in more["modules_to_save"]}}
    kind = "SEQ_2_SEQ_LM" if bone.kind == "seq2seq" else "CAUSAL_LM"
    config = peft.LoraConfig(task_type=kind, r=2, init_lora_weights=False, fan_in_fan_out=family == "gpt2", **more)
    # The rows that nobody trains are the backbone's: what PEFT starts from must be what ours is.
    start = enlarged(family, tie_word_embeddings=tied)
    start.load_state_dict(bone.model.state_dict(), strict=False)
    wrapped = peft.get_peft_model(start, config).eval()
    with torch.no_grad():
        for weight_name, weight in wrapped.named_parameters():
            if weight.requires_grad and "lora" not in weight_name:
                rows = weight if how == "indices" else weight[list(bone.taught)]
                rows.add_(torch.randn(rows.shape) * 0.3)
                if how == "matrices":
                    weight[list(bone.taught)] = rows
    wrapped.save_pretrained(tmp_path)
    _, made = store.open_adapter(tmp_path, bone)
    assert {a.ids for a in tokens.taught(made).values()} == {bone.taught}
    torch.testing.assert_close(said(bone, made), theirs(wrapped, bone), rtol=1e-5, atol=5e-6)


def test_a_matrix_with_another_vocabulary_is_refused_with_the_way_out(tmp_path):
    config = peft.LoraConfig(task_type="CAUSAL_LM", r=2, modules_to_save=["embed_tokens"])
    peft.get_peft_model(enlarged("llama"), config).save_pretrained(tmp_path)
    with pytest.raises(Refused, match=r"NAME \+ <x>"):
        store.open_adapter(tmp_path, backbone("llama", ()))


# -- by name ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    from luthier.bases import tinies

    path = tmp_path_factory.mktemp("gpt2")
    tinies.write("gpt2", path)
    return str(path)


def test_a_name_with_tokens_is_a_backbone_that_has_them(folder):
    name = f"{folder} + <x> + <y>"
    one, two, plain = Backbone(name, "fp32"), Backbone(name, "fp32"), Backbone(folder, "fp32")
    assert one.new_tokens() == list(NEW) == one.facts()["new_tokens"] and plain.new_tokens() == []
    assert one.fingerprint == two.fingerprint != plain.fingerprint
    assert Backbone.sketch(name).parameters == one.parameters == plain.parameters + 2 * 32
    rows = one.model.get_input_embeddings().weight
    torch.testing.assert_close(rows[-1], rows[:-2].mean(0))


def test_spare_rows_are_used_first(tmp_path):
    """T5's matrices are larger than its tokenizer; new tokens take what is there, and the backbone is another all the
    same."""
    bone = Backbone.of(tiny.model("t5", vocab_size=64), copy.deepcopy(tiny.tokenizer("seq2seq")), "t5", NEW)
    plain = Backbone.of(tiny.model("t5", vocab_size=64), tiny.tokenizer("seq2seq"), "t5")
    assert bone.parameters == plain.parameters and bone.taught == (tiny.SIZE, tiny.SIZE + 1)
    assert bone.fingerprint != plain.fingerprint


@pytest.mark.parametrize("new", [("<x>", "<x>"), ("",)])
def test_no_token_twice_and_none_empty(new):
    with pytest.raises(Refused, match="no new token"):
        backbone("gpt2", new)


def test_modules_of_another_library_cannot_be_taught():
    bone = backbone("llama")
    with pytest.raises(Refused, match="2 taught tokens need ours"):
        delta(bone, "peft('VERA', r=2)")
