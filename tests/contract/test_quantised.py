"""Any method over a backbone whose weights are kept in 8 or 4 bits, through the same seam."""

from __future__ import annotations

import pytest
import tiny
import torch

from luthier import store
from luthier.backbone import Backbone
from luthier.delta import Delta
from luthier.errors import Refused, UserError
from luthier.machine import fast_precision
from luthier.methods import METHODS
from luthier.ops.four_bit import decoded
from luthier.pretrained import BY_BATCH, is_quantised
from luthier.spell import parse
from luthier.train import Training, mean_loss

pytest.importorskip("bitsandbytes", reason="quantised backbones need the extra `quantised`")

PRECISIONS = ("int8", "nf4")
FEW = {("llama", "lora(rank=4)"), ("t5", "lora(rank=4)"), ("bert", "lora(rank=4)")}
FEW |= {("llama", w) for w in ("dora(rank=4)", "ia3", "prompt(tokens=5)", "prefix(tokens=5)")} | {("gpt2", "ia3")}
WORDS = [w for w in tiny.METHODS if not w.startswith("full")]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Family -> a folder with its tiny weights, written when first asked for."""
    made = {}

    def folder(family: str) -> str:
        if family not in made:
            path = tmp_path_factory.mktemp(family)
            bone = tiny.backbone(family)
            bone.model.save_pretrained(path)
            bone.tokenizer.save_pretrained(path)
            made[family] = str(path)
        return made[family]

    return folder


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize(
    ("family", "word"),
    [
        pytest.param(f, w, marks=() if (f, w) in FEW else pytest.mark.matrix)
        for f in (*tiny.FAMILIES, *tiny.MORE)
        for w in WORDS
    ],
)
def test_it_learns_is_saved_whole_and_leaves_no_trace(family, word, precision, folders, tmp_path):
    bone, how = Backbone(folders(family), precision), parse(word, METHODS)
    tokens, made = tiny.plan(bone), tiny.delta(bone, word)
    before = tiny.scores(bone, Delta({}, head=made.head))
    loss = mean_loss(bone, made, tokens, tiny.budget())
    list(Training(bone, made, tokens, tiny.budget(steps=12), 1e-2, seed=0).steps())
    assert mean_loss(bone, made, tokens, tiny.budget()) < loss
    said = tiny.scores(bone, made)
    store.save(tmp_path, bone, how, made)
    again = store.load(tmp_path, bone, how, labels=2 if made.head is not None else 0)
    assert torch.equal(tiny.scores(bone, again), said)
    if made.head is None:
        assert torch.equal(tiny.scores(bone, Delta({})), before)
    alone = torch.cat([tiny.scores(bone, made, [row]) for row in range(len(tiny.TEXTS))])
    # int8 products round every row by its own largest value in half precision, whatever stands beside it; where the
    # machine computes bf16 fast, all else is in eight bits of mantissa, which products of other shapes round elsewhere.
    allowed = 2e-2 if fast_precision() == "bf16" else 2e-3
    torch.testing.assert_close(said, alone, rtol=allowed, atol=allowed)
    bone.check_untouched()


@pytest.mark.parametrize("family", ["llama", "gpt2", "t5"])
@pytest.mark.parametrize(("precision", "apart"), [("int8", 0.01), ("nf4", 0.15)])
def test_weights_are_nearly_those_that_were_given(family, precision, apart, folders):
    whole, small = Backbone(folders(family), "fp32"), Backbone(folders(family), precision)
    assert small.quantised and small.parameters == whole.parameters and small.fingerprint != whole.fingerprint
    assert [s for s in small.sites("all")] == [s for s in whole.sites("all")]
    packed = 0
    for site in whole.sites("q,v"):
        true, kept = whole.weight(site), small.weight(site)
        error = (true - kept).norm() / true.norm()
        assert 0 <= error < apart
        packed += error > 0
    assert packed, "nothing was quantised"


@pytest.mark.parametrize("width", [32, 96, 128])
def test_four_bits_are_decoded_by_the_words_of_the_format_at_every_width(width):
    """Codes and scales are read one by one here; the library does it wrongly on some CPUs at odd widths."""
    from bitsandbytes import functional

    torch.manual_seed(3)
    weight = torch.randn(32, width)
    packed, state = functional.quantize_4bit(weight, quant_type="nf4", compress_statistics=True)
    scales = functional.dequantize_blockwise(state.absmax, state.state2) + state.offset
    signs = packed.flatten().tolist()
    codes = [half for sign in signs for half in (sign >> 4, sign & 15)]
    wanted = [state.code[c].item() * scales[i // state.blocksize].item() for i, c in enumerate(codes)]
    torch.testing.assert_close(decoded(packed, state).flatten(), torch.tensor(wanted))
    assert (decoded(packed, state) - weight).norm() < 0.15 * weight.norm()


def test_int8_rows_feel_the_rows_beside_them_and_that_is_said(folders):
    bone = Backbone(folders("llama"), "int8")
    assert BY_BATCH in bone.caveats and BY_BATCH not in Backbone(folders("llama"), "nf4").caveats
    layer = next(m for m in bone.model.modules() if is_quantised(m))
    torch.manual_seed(0)
    quiet = torch.randn(1, layer.in_features)
    loud = quiet.clone()
    loud[0, 0] = 50.0  # above LLM.int8()'s limit for a column of eight bits
    with torch.inference_mode():
        alone, beside = layer(quiet), layer(torch.cat([quiet, loud]))[:1]
    assert not torch.equal(alone, beside)
    torch.testing.assert_close(alone, beside, rtol=5e-2, atol=5e-2)


def test_full_fine_tuning_is_refused_and_the_method_for_it_named(folders):
    with pytest.raises(Refused, match="QLoRA is lora"):
        tiny.delta(Backbone(folders("llama"), "nf4"), "full")
    with pytest.raises(Refused, match="QLoRA is lora"):
        tiny.delta(Backbone.sketch(folders("llama"), "nf4"), "full")


def test_without_the_library_the_extra_is_named(folders, monkeypatch):
    monkeypatch.setattr("luthier.pretrained.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"luthier\[quantised\]"):
        Backbone(folders("llama"), "nf4")
