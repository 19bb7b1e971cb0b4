"""Every fast op is the plain one, compiled and through torch: same values and gradients, dropout in distribution."""

from __future__ import annotations

import copy
import math

import pytest
import tiny
import torch
from torch import nn
from torch.nn import functional as F
from transformers import Qwen3Config, T5Config
from transformers.activations import ACT2FN
from transformers.models.bloom.modeling_bloom import BloomGelu
from transformers.models.llama.modeling_llama import LlamaRMSNorm
from transformers.models.qwen3.modeling_qwen3 import Qwen3MLP
from transformers.models.t5.modeling_t5 import T5Attention, T5DenseGatedActDense, T5LayerNorm

from luthier.dress import dress, undress
from luthier.ops import attention as attending
from luthier.ops import compiled
from luthier.ops import label_loss as losing
from luthier.ops.attention import attention
from luthier.ops.dropout import MANY, Dropout, drawn, dropout, scale_of
from luthier.ops.gates import TANH_GELU, gated
from luthier.ops.label_loss import label_loss
from luthier.ops.linear import Linear, linear
from luthier.ops.low_rank import low_rank

NO_COMPILER = "no C++ compiler with OpenMP"


@pytest.fixture(params=["compiled", "torch"], autouse=True)
def way(request, monkeypatch):
    if request.param == "torch":
        monkeypatch.setattr(compiled, "library", lambda: None)
    elif compiled.library() is None:
        pytest.skip(NO_COMPILER)
    return request.param


def kept_share(p, dtype, way):
    return round((1 - p) * 65536) / 65536 if way == "compiled" and dtype in compiled.KINDS else 1 / scale_of(p, dtype)


# -- dropout ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_dropout_keeps_with_the_probability_it_scales_by(dtype, way):
    torch.manual_seed(0)
    x = torch.ones(400, 500, dtype=dtype, requires_grad=True)
    y = dropout(x, 0.1)
    kept, share = y != 0, kept_share(0.1, dtype, way)
    assert kept.float().mean().item() == pytest.approx(share, abs=4 * math.sqrt(share * (1 - share) / x.numel()))
    assert set(y[kept].unique().tolist()) == {torch.tensor(1 / share, dtype=dtype).item()}
    assert y.double().mean().item() == pytest.approx(1, abs=0.004)
    y.sum().backward()
    assert torch.equal(x.grad, y.detach()), "the gradient passes where the value passed, with the same scale"


@pytest.mark.parametrize("rows", [MANY // 16, MANY])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_every_part_of_a_word_is_as_random_as_the_others(dtype, rows):
    """The top byte of a signed draw has a bit that is always zero; eight neighbours must not know of each other."""
    torch.manual_seed(1)
    mask, scale = zip(*[drawn(torch.Size((rows, 8)), 0.5, dtype) for _ in range(-(-40_000 // rows))])
    kept_N8 = (torch.cat(mask) != 0).double()
    assert scale_of(0.5, dtype) == 2.0 and set(scale) == {1.0 if dtype == torch.bfloat16 else 2.0}
    error = math.sqrt(0.25 / len(kept_N8))
    assert (kept_N8.mean(0) - 0.5).abs().max() < 5 * error
    together = torch.corrcoef(kept_N8.T) - torch.eye(8)
    assert together.abs().max() < 5 / math.sqrt(len(kept_N8))


@pytest.mark.parametrize("shape", [(7, 13), (MANY, 9)])
def test_masks_follow_from_the_generator_alone(shape):
    x = torch.ones(shape)
    torch.manual_seed(5)
    one, state = dropout(x, 0.3), torch.get_rng_state()
    two = dropout(x, 0.3)
    torch.manual_seed(5)
    assert torch.equal(dropout(x, 0.3), one) and not torch.equal(one, two)
    torch.set_rng_state(state)
    assert torch.equal(dropout(x, 0.3), two)


def test_a_probability_too_fine_for_a_mask_is_torchs(way):
    too_fine_for = {"compiled": (0.00001, 0.00007, 0.99999), "torch": (0.00001, 0.00007, 0.001, 0.01, 0.999, 0.99999)}
    for p in too_fine_for[way]:
        assert scale_of(p, torch.float32) is None and (way == "torch" or compiled.coins(p) is None)
        torch.manual_seed(2)
        ours = dropout(torch.ones(3000), p)
        torch.manual_seed(2)
        assert torch.equal(ours, F.dropout(torch.ones(3000), p))


@pytest.mark.parametrize("p", [0.05, 0.1, 0.2, 0.5, 0.9])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_usual_probabilities_are_close_enough(p, dtype):
    assert 1 / scale_of(p, dtype) == pytest.approx(1 - p, abs=0.05 * min(p, 1 - p))


def test_no_dropout_is_the_identity():
    x = torch.randn(4, 5)
    assert torch.equal(dropout(x, 0.0), x) and torch.equal(dropout(x, 0.5, training=False), x)
    assert not dropout(x, 1.0).any()
    assert torch.equal(Dropout(0.5).eval()(x), x)


# -- norms and activations --------------------------------------------------------------------------------------------


def value_and_gradient(change, *inputs):
    inputs = [i.detach().clone().requires_grad_() for i in inputs]
    y = change(*inputs)
    upstream = torch.randn(y.shape, generator=torch.Generator().manual_seed(9)).to(y.dtype)
    return y.detach(), *torch.autograd.grad(y, inputs, upstream)


def norm(kind, dtype=torch.float32):
    torch.manual_seed(3)
    module = kind(48).to(dtype).requires_grad_(False)
    module.weight.copy_(1 + 0.3 * torch.randn(48))
    return module


@pytest.mark.parametrize("kind", [T5LayerNorm, LlamaRMSNorm])
def test_norm_has_the_values_to_the_last_bits_and_the_gradient(kind, way):
    plain, fast = norm(kind), norm(kind)
    assert dress(fast) == 1
    x = torch.randn(5, 7, 48) * torch.logspace(-3, 3, 7)[:, None]
    (value, gradient), (fast_value, fast_gradient) = value_and_gradient(plain, x), value_and_gradient(fast, x)
    torch.testing.assert_close(fast_value, value, rtol=3e-7 if way == "compiled" else 0, atol=0)
    torch.testing.assert_close(fast_gradient, gradient, rtol=1e-5, atol=1e-6 * gradient.abs().max().item())
    with torch.no_grad():
        assert torch.equal(fast(x), fast_value)


@pytest.mark.parametrize("kind", [T5LayerNorm, LlamaRMSNorm])
def test_norm_in_bf16_rounds_where_the_plain_one_rounds(kind):
    plain, fast = norm(kind, torch.bfloat16), norm(kind, torch.bfloat16)
    dress(fast)
    x = torch.randn(5, 7, 48).bfloat16()
    (value, gradient), (fast_value, fast_gradient) = value_and_gradient(plain, x), value_and_gradient(fast, x)
    assert torch.equal(value, fast_value) and fast_gradient.dtype == torch.bfloat16
    torch.testing.assert_close(fast_gradient, gradient, rtol=0.02, atol=0.02)


@pytest.mark.parametrize(("dtype", "far"), [(torch.float32, 0.0), (torch.bfloat16, 0.01)])
def test_a_trained_norm_still_learns(dtype, far):
    plain, fast = (norm(T5LayerNorm, dtype).requires_grad_(True) for _ in range(2))
    dress(fast)
    x = torch.randn(5, 48).to(dtype)
    for module in (plain, fast):
        module(x).float().square().sum().backward()
    torch.testing.assert_close(fast.weight.grad, plain.weight.grad, rtol=far, atol=far)


@pytest.mark.parametrize("make", [lambda: ACT2FN["gelu_new"], BloomGelu], ids=["gelu_new", "bloom"])
def test_gelu_is_the_written_out_one(make):
    plain, fast = make(), make()
    assert dress(fast) == 1
    x = torch.linspace(-9, 9, 4001)
    for one, two in zip(value_and_gradient(plain, x.double()), value_and_gradient(fast, x)):
        torch.testing.assert_close(two.double(), one, rtol=1e-6, atol=3e-6)


def test_position_bias_is_laid_out_as_the_scores_are():
    bone = tiny.shared("t5")
    first = bone.model.encoder.block[0].layer[0].SelfAttention
    bias = first.compute_bias(6, 6)
    assert bias.is_contiguous() and not T5Attention.compute_bias(first, 6, 6).is_contiguous()
    assert torch.equal(bias, T5Attention.compute_bias(first, 6, 6))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("library", ["t5", "qwen3"])
def test_a_gated_layer_is_the_librarys(library, dtype):
    torch.manual_seed(12)
    if library == "t5":
        config = T5Config(d_model=24, d_ff=70, feed_forward_proj="gated-gelu", dropout_rate=0.0)
        make, weights = T5DenseGatedActDense, ("wi_0", "wi_1", "wo")
    else:
        config = Qwen3Config(hidden_size=24, intermediate_size=70, hidden_act="silu")
        make, weights = Qwen3MLP, ("gate_proj", "up_proj", "down_proj")
    plain = make(config).to(dtype)
    fast = copy.deepcopy(plain)
    assert dress(fast) >= 1 and set(dict(fast.named_children())) >= set(weights)
    x = 3 * torch.randn(5, 7, 24).to(dtype)
    near = {"rtol": 2e-5, "atol": 2e-6} if dtype == torch.float32 else {"rtol": 0.03, "atol": 0.03}
    for one, two in zip(value_and_gradient(plain, x), value_and_gradient(fast, x)):
        torch.testing.assert_close(two, one, **near)


@pytest.mark.parametrize("count", [3, 1024, 2500])
def test_the_gradient_of_a_gate_passes_where_the_value_passed(count):
    """Under a fixed mask dropout is a constant factor: what was dropped gets nothing, what was kept the scale."""
    torch.manual_seed(13)
    a, b = (torch.randn(count, requires_grad=True) for _ in range(2))
    y = gated(a, b, TANH_GELU, 0.5)
    factor = torch.where(y == 0, 0.0, 2.0)
    assert count == 3 or (factor == 0).float().mean().item() == pytest.approx(0.5, abs=0.08)
    activated = F.gelu(a, approximate="tanh")
    torch.testing.assert_close(y, activated * b * factor, rtol=1e-5, atol=1e-6)
    ours = torch.autograd.grad(y.sum(), (a, b))
    for one, two in zip(torch.autograd.grad((activated * b * factor).sum(), (a, b)), ours):
        torch.testing.assert_close(two, one, rtol=1e-5, atol=1e-5)


# -- attention --------------------------------------------------------------------------------------------------------


class Module(nn.Module):
    is_causal = False


def qkv(heads=4, groups=4, queries=5, keys=7):
    torch.manual_seed(4)
    return torch.randn(3, heads, queries, 8), torch.randn(3, groups, keys, 8), torch.randn(3, groups, keys, 8)


def added(queries=5, keys=7):
    """A position bias and a padding mask that closes two keys of one row."""
    mask = torch.zeros(3, 1, queries, keys)
    mask[1, :, :, -2:] = torch.finfo(torch.float32).min
    return torch.randn(1, 4, queries, keys), mask


def by_hand(q, k, v, bias, mask, scale):
    k, v = (t.repeat_interleave(q.shape[1] // t.shape[1], 1) for t in (k, v))
    scores = q @ k.transpose(2, 3) * scale
    for more in (bias, mask):
        scores = scores if more is None else scores + more
    return (scores.softmax(-1) @ v).transpose(1, 2)


@pytest.mark.parametrize("groups", [4, 2])
@pytest.mark.parametrize("which", ["bias and mask", "mask", "nothing"])
@pytest.mark.parametrize("scale", [1.0, 0.35])
def test_attention_is_the_written_out_one(groups, which, scale):
    bias, mask = added()
    bias = bias if which == "bias and mask" else None
    mask = None if which == "nothing" else mask

    def ours(*tensors):
        return attention(Module(), *tensors, mask, position_bias=bias, scaling=scale)[0]

    wanted = value_and_gradient(lambda *t: by_hand(*t, bias, mask, scale), *qkv(groups=groups))
    for one, two in zip(wanted, value_and_gradient(ours, *qkv(groups=groups))):
        torch.testing.assert_close(two, one, rtol=1e-5, atol=1e-5)
    with torch.no_grad():
        torch.testing.assert_close(ours(*qkv(groups=groups)), wanted[0], rtol=1e-5, atol=1e-5)


def test_layers_that_share_a_bias_share_its_sum_with_a_mask_and_with_no_other():
    bias, one = added()
    other = one.roll(1, 0)
    with torch.no_grad():
        for mask in (one, one, other, None, one):
            q, k, v = qkv()
            seen = attention(Module(), q, k, v, mask, position_bias=bias, scaling=1.0)[0]
            torch.testing.assert_close(seen, by_hand(q, k, v, bias, mask, 1.0), rtol=1e-5, atol=1e-5)
        assert attending._added(one, bias, bias.dtype) is attending._added(one, bias, bias.dtype)


@pytest.mark.parametrize(("groups", "deep"), [(4, 8), (2, 64), (1, 80), (4, 5)])
@pytest.mark.parametrize("keys", [1, 4, 7, 70, 200])
@pytest.mark.parametrize("which", ["bias and mask", "mask", "bias", "nothing"])
@pytest.mark.parametrize(("dtype", "far"), [(torch.float32, 1e-5), (torch.bfloat16, 0.01)])
def test_one_query_sees_what_is_open(groups, deep, keys, which, dtype, far, way):
    """Rows closed on the left, on the right, within, on both sides, and wholly; keys and values in a longer cache."""
    torch.manual_seed(5)
    q, cache = torch.randn(6, 4, 1, deep).to(dtype), torch.randn(2, 6, groups, keys + 9, deep).to(dtype)
    k, v = cache[:, :, :, 5 : 5 + keys]
    bias, mask = torch.randn(1, 4, 1, keys).to(dtype), torch.zeros(6, 1, 1, keys, dtype=dtype)
    closed = torch.finfo(dtype).min
    mask[1, ..., : keys // 2] = mask[2, ..., keys // 2 + 1 :] = mask[3, ..., keys // 3 : keys // 2] = closed
    mask[4, ..., : keys // 3] = mask[4, ..., keys - keys // 3 :] = mask[5] = closed
    bias, mask = bias if "bias" in which else None, mask if "mask" in which else None
    more = [None if t is None else t.double() for t in (bias, mask)]
    wanted = by_hand(q.double(), k.double(), v.double(), *more, 0.35)
    with torch.no_grad():
        seen = attention(Module(), q, k, v, mask, position_bias=bias, scaling=0.35)[0]
    assert compiled.attends(q, k, v) == (way == "compiled") and seen.shape == (6, 1, 4, deep) and seen.dtype == dtype
    torch.testing.assert_close(seen.double()[:5], wanted[:5], rtol=far, atol=far)
    assert seen[5].isfinite().all()


def far_from(seen, wanted):
    """Of the size of what was wanted: bf16 rounds a number by up to 2**-9 of it."""
    seen, wanted = seen.detach().double(), wanted.detach().double()
    return float((seen - wanted).norm() / wanted.norm().clamp_min(1e-6))


def in_cache(dtype, deep, way):
    """Whether attention of many queries is ours on this machine."""
    if dtype == torch.float32:
        return way == "compiled" and compiled.has_wide_vectors() and deep % 16 == 0
    return way == "compiled" and compiled.has_matrix_unit() and deep % 32 == 0


@pytest.mark.parametrize(("groups", "deep"), [(4, 64), (2, 32), (4, 96), (1, 16), (4, 40)])
@pytest.mark.parametrize(("queries", "keys"), [(2, 3), (33, 70), (64, 64), (5, 200)])
@pytest.mark.parametrize("which", ["bias and mask", "learnt bias and mask", "mask of queries", "nothing"])
@pytest.mark.parametrize(("dtype", "far"), [(torch.float32, 1e-6), (torch.bfloat16, 0.004)])
def test_many_queries_see_what_is_open_and_learn_from_it(groups, deep, queries, keys, which, dtype, far, way):
    """Queries, keys and values as a projection leaves them: rows of all heads, one after the other."""
    torch.manual_seed(6)
    places = [(queries, 4), (keys, groups), (keys, groups)]
    given = [torch.randn(3, n, heads, deep).to(dtype).transpose(1, 2).requires_grad_() for n, heads in places]
    bias = torch.randn(1, 4, queries, keys).to(dtype).requires_grad_("learnt" in which) if "bias" in which else None
    mask = None
    if "mask" in which:
        mask = torch.zeros(3, 1, queries if "queries" in which else 1, keys, dtype=dtype)
        mask[1, ..., -(keys // 2) :] = mask[2, ..., : keys // 3] = torch.finfo(dtype).min
    exact = [t.detach().double().requires_grad_() for t in given]
    exact_bias = None if bias is None else bias.detach().double().requires_grad_()
    upstream = torch.randn(3, queries, 4, deep).to(dtype)
    wanted = by_hand(*exact, exact_bias, None if mask is None else mask.double(), 0.2)
    wanted.backward(upstream.double())
    seen = attention(Module(), *given, mask, position_bias=bias, scaling=0.2)[0]
    seen.backward(upstream)
    ours = in_cache(dtype, deep, way)
    assert compiled.attends(*given) == ours and type(seen.grad_fn).__name__.startswith("_AttendedInCache") == ours
    close = far if ours else 3 * far
    assert seen.shape == wanted.shape and far_from(seen, wanted) < close
    for one, two in zip(given, exact):
        assert far_from(one.grad, two.grad) < close
    assert "learnt" not in which or far_from(bias.grad, exact_bias.grad) < close
    with torch.no_grad():
        assert far_from(attention(Module(), *given, mask, position_bias=bias, scaling=0.2)[0], wanted) < close


@pytest.mark.parametrize(("dtype", "far"), [(torch.float32, 2e-6), (torch.bfloat16, 0.012)])
def test_a_mask_is_drawn_again_on_the_way_back_and_is_that_of_the_other_loops(dtype, far, way):
    torch.manual_seed(7)
    given = [torch.randn(2, 4, n, 64).to(dtype) for n in (40, 50, 50)]
    upstream, coins = torch.randn(2, 40, 4, 64).to(dtype), compiled.Coins(5, 40_000)
    ours = in_cache(dtype, 64, way)
    assert compiled.learns_to_attend(*given) == ours
    if not ours:
        return  # there is one way only
    got = []
    for made, more in ((attending._AttendedInCache, (None,)), (attending._AttendedAtOnce, ())):
        tensors = [t.clone().requires_grad_() for t in given]
        y = made.apply(*tensors, *more, compiled.Scoring(0.2, None, None, coins))
        y.backward(upstream)
        got.append([y.detach(), *(t.grad for t in tensors)])
    assert all(far_from(one, two) < far for one, two in zip(*got))


@pytest.mark.parametrize(("dtype", "far"), [(torch.float32, 2e-6), (torch.bfloat16, 0.012)])
def test_a_query_that_is_no_number_stays_alone(dtype, far):
    q, k, v = (torch.rand(1, 2, 40, 32).to(dtype) for _ in range(3))
    q[0, 1, 7, 3] = float("nan")

    def seen():
        with torch.no_grad():
            return attention(Module(), q, k, v, None, scaling=1.0)[0]

    assert seen()[0, 7, 1].isnan().all() and seen().isnan().sum() == 32
    q = q.nan_to_num(0.5)  # and nothing is left behind
    assert far_from(seen(), by_hand(*(t.double() for t in (q, k, v)), None, None, 1.0)) < far


def test_a_trained_position_bias_gets_its_gradient():
    bias, mask = added()
    q, k, v = qkv()
    wanted = value_and_gradient(lambda b: by_hand(q, k, v, b, mask, 1.0), bias)
    ours = value_and_gradient(lambda b: attention(Module(), q, k, v, mask, position_bias=b, scaling=1.0)[0], bias)
    assert ours[1].shape == bias.shape
    torch.testing.assert_close(ours[1], wanted[1], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("p", [0.2, 0.001])
def test_attention_dropout_is_the_derivative_of_what_it_computed(p):
    """Under a fixed mask, dropout is a constant factor on the weights: finite differences see the same gradient."""
    module, (q, k, v) = Module().train(), (t.double() for t in qkv())

    def under_one_mask(*tensors):
        torch.manual_seed(6)
        return attention(module, *tensors, None, dropout=p, scaling=0.5)[0]

    inputs = [t[:1].requires_grad_() for t in (q, k, v)]
    assert torch.autograd.gradcheck(under_one_mask, inputs, fast_mode=True)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("keys", [3, 64, 200])
def test_attention_with_dropout_is_the_written_out_one_under_its_own_mask(keys, dtype):
    """Values of one key each show which weights were kept."""
    torch.manual_seed(16)
    q, k = (torch.randn(2, 4, n, 8).to(dtype) for n in (6, keys))
    v = torch.eye(keys, dtype=dtype).expand(2, 4, keys, keys)
    bias, mask = torch.randn(1, 4, 6, keys).to(dtype), torch.zeros(2, 1, 1, keys).to(dtype)
    mask[1, ..., 1] = torch.finfo(dtype).min
    module, inputs = Module().train(), [t.clone().requires_grad_() for t in (q, k, v)]
    seen = attention(module, *inputs, mask, position_bias=bias, scaling=0.3, dropout=0.5)[0].transpose(1, 2)
    wanted = [t.double().requires_grad_() for t in (q, k, v)]
    scores = wanted[0] @ wanted[1].transpose(2, 3) * 0.3 + bias.double() + mask.double()
    plain = (scores.softmax(-1) * (seen != 0) * 2) @ wanted[2]
    near = 1e-5 if dtype == torch.float32 else 0.02
    torch.testing.assert_close(seen.double(), plain, rtol=near, atol=near)
    upstream = torch.randn(seen.shape).to(dtype)
    for one, two in zip(
        torch.autograd.grad(plain, wanted, upstream.double()), torch.autograd.grad(seen, inputs, upstream)
    ):
        torch.testing.assert_close(two.double(), one, rtol=near, atol=3 * near)


def test_attention_dropout_in_distribution(way):
    """The mean over many masks is attention without dropout, and the share of dropped weights is the one used."""
    torch.manual_seed(7)
    q, k = torch.zeros(2000, 1, 4, 8), torch.zeros(2000, 1, 6, 8)
    v = torch.eye(6, 8).expand(2000, 1, 6, 8)  # with equal scores the output is the weights themselves
    weights = attention(Module().train(), q, k, v, None, dropout=0.1)[0][..., :6]
    share = kept_share(0.1, torch.float32, way)
    assert (weights != 0).float().mean().item() == pytest.approx(share, abs=0.006)
    assert weights.mean().item() == pytest.approx(1 / 6, rel=0.01)
    assert torch.equal(attention(Module().eval(), q, k, v, None, dropout=0.1)[0][..., :6] != 0, weights >= 0)


def test_attention_without_dropout_draws_nothing():
    tensors = [t.requires_grad_() for t in qkv()]
    before = torch.get_rng_state()
    attention(Module().train(), *tensors, None, dropout=0.0)
    assert torch.equal(torch.get_rng_state(), before)


# -- the loss at labels -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [1, 5, 64])
@pytest.mark.parametrize("vocabulary", [29, 1030])
@pytest.mark.parametrize("biased", [False, True])
def test_label_loss_is_cross_entropy_whatever_the_chunk(rows, vocabulary, biased, monkeypatch):
    monkeypatch.setattr(losing, "rows_at_once", lambda vocabulary: rows)
    torch.manual_seed(8)
    hidden, weight = torch.randn(13, 6), torch.randn(vocabulary, 6)
    bias, labels = torch.randn(vocabulary) if biased else None, torch.randint(0, vocabulary, (13,))
    wanted = value_and_gradient(lambda h: F.cross_entropy(F.linear(h, weight, bias), labels, reduction="sum"), hidden)
    ours = value_and_gradient(lambda h: label_loss(h, weight, bias, labels), hidden)
    for one, two in zip(wanted, ours):
        torch.testing.assert_close(two, one, rtol=1e-5, atol=1e-5)


def test_label_loss_of_a_trained_head_is_refused():
    with pytest.raises(ValueError, match="frozen"):
        label_loss(torch.randn(2, 3), torch.randn(5, 3, requires_grad=True), None, torch.tensor([0, 1]))


def test_large_vocabularies_are_cut_and_small_ones_are_not():
    assert losing.rows_at_once(250_880) * 250_880 * 4 <= losing.CHUNK_BYTES
    assert losing.rows_at_once(2_000_000) == 32
    assert losing.rows_at_once(8_192) >= 2_000


# -- products ---------------------------------------------------------------------------------------------------------


def layer(inner, out, biased, dtype=torch.bfloat16):
    torch.manual_seed(30)
    plain = nn.Linear(inner, out, biased).to(dtype)
    worn = copy.deepcopy(plain)
    assert dress(worn) == 1 and type(worn) is Linear
    return plain, worn


@pytest.fixture(params=[1, 2, 3])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.mark.parametrize("rows", [1, 2, 16, 17, 33, 48, 64, 65, 80, 290])
@pytest.mark.parametrize(("inner", "out"), [(32, 16), (96, 48), (160, 80), (768, 33), (40, 64), (1024, 512)])
@pytest.mark.parametrize("biased", [False, True])
def test_a_product_is_rounded_once(rows, inner, out, biased):
    plain, worn = layer(inner, out, biased)
    x = torch.randn(rows, inner).bfloat16()
    exact = copy.deepcopy(plain).double()(x.double())
    with torch.no_grad():
        for given in (x, x[:, None], x.t().contiguous().t()):
            seen = worn(given).view(rows, out)
            torch.testing.assert_close(seen.double(), exact, rtol=2**-8, atol=1e-5)
    assert seen.dtype == torch.bfloat16


@pytest.mark.parametrize(("rows", "inner", "out"), [(290, 1024, 1600), (700, 64, 48), (33, 13_000, 32)])
def test_threads_share_a_product(rows, inner, out, threads):
    """Several blocks of columns for a thread; fewer blocks than threads, so that rows are shared; too deep for ours."""
    _, worn = layer(inner, out, False)
    x = torch.randn(rows, inner).bfloat16()
    with torch.no_grad():
        exact = x.double() @ worn.weight.double().t()
        torch.testing.assert_close(worn(x).double(), exact, rtol=2**-8, atol=1e-5)


def test_a_row_of_a_product_does_not_know_its_neighbours(way, threads):
    _, worn = layer(256, 128, True)
    x = torch.randn(300, 256).bfloat16()
    ours = way == "compiled" and compiled.has_matrix_unit()
    with torch.no_grad():
        alone, together, some = torch.cat([worn(row[None]) for row in x]), worn(x), worn(x[5:22])
    assert compiled.multiplies(x, worn.weight, worn.bias) == ours
    far = {"rtol": 0, "atol": 0} if ours else {"rtol": 2**-7, "atol": 1e-3}
    torch.testing.assert_close(together, alone, **far)
    torch.testing.assert_close(some, alone[5:22], **far)


@pytest.mark.parametrize(("inner", "out"), [(96, 64), (64, 48), (1600, 32)])
@pytest.mark.parametrize("rows", [(3,), (5, 19), (4, 16), (2, 200)])
@pytest.mark.parametrize("learns", ["input", "bias", "all"])
def test_gradients_of_a_product_are_torchs(inner, out, rows, learns):
    """48 outputs: their sum is no whole number of tiles, and torch goes back."""
    plain, worn = layer(inner, out, True)
    exact = copy.deepcopy(plain).double()
    x, upstream = torch.randn(*rows, inner).bfloat16(), torch.randn(*rows, out).bfloat16()
    got = []
    for made, kind in ((worn, torch.bfloat16), (exact, torch.double)):
        given = x.clone().to(kind).requires_grad_(learns != "bias")
        made.weight.requires_grad_(learns == "all")
        made.bias.requires_grad_(learns != "input")
        made(given).backward(upstream.to(kind).expand(*rows, out))
        got.append([given.grad, made.weight.grad, made.bias.grad])
    for ours, wanted in zip(*got):
        assert (ours is None) == (wanted is None)
        if ours is not None:
            torch.testing.assert_close(ours.double(), wanted, rtol=2**-7, atol=2**-6 * float(wanted.abs().max()))


@pytest.mark.parametrize("rows", [(3,), (2, 40)])
@pytest.mark.parametrize(("inner", "out"), [(96, 64), (64, 33)])
def test_a_product_may_be_added_to_something_of_its_size(rows, inner, out):
    x, weight, added = (torch.randn(*shape).bfloat16() for shape in ((*rows, inner), (out, inner), (*rows, out)))
    wanted = added.double() + x.double() @ weight.double().t()
    torch.testing.assert_close(linear(x, weight, added).double(), wanted, rtol=2**-8, atol=1e-5)
    upstream = torch.randn(*rows, out).bfloat16()
    linear(x, weight, added.requires_grad_()).backward(upstream)
    assert torch.equal(added.grad, upstream)


@pytest.mark.parametrize("dtype", list(compiled.KINDS))
@pytest.mark.parametrize("rows", [(1,), (8,), (3, 7), (2, 150)])
@pytest.mark.parametrize(("inner", "out", "rank"), [(64, 96, 8), (96, 64, 32), (768, 160, 33), (50, 30, 3)])
def test_a_low_rank_is_added_with_its_gradients(dtype, rows, inner, out, rank):
    given = [torch.randn(*rows, width).to(dtype).requires_grad_() for width in (inner, out)]
    given += [(torch.randn(*shape) / shape[1] ** 0.5).requires_grad_() for shape in ((rank, inner), (out, rank))]
    x, y, a, b = exact = [t.detach().double().requires_grad_() for t in given]
    wanted = y + 0.5 * (x @ a.t()) @ b.t()
    with torch.no_grad():
        answering = low_rank(*given, 0.5)
    learning, upstream = low_rank(*given, 0.5), torch.randn(*rows, out).to(dtype)
    far = 1e-5 if dtype == torch.float32 else 2**-7
    once = 1e-5 if dtype == torch.float32 else 2**-8
    torch.testing.assert_close(answering.double(), wanted, rtol=once, atol=1e-4)
    pairs = [(learning, wanted)]
    pairs += zip(torch.autograd.grad(learning, given, upstream), torch.autograd.grad(wanted, exact, upstream.double()))
    for ours, right in pairs:
        assert ours.shape == right.shape
        torch.testing.assert_close(ours.double(), right, rtol=far, atol=far * float(right.detach().abs().max()))


@pytest.mark.parametrize("dtype", list(compiled.KINDS))
def test_a_row_of_a_low_rank_does_not_know_its_neighbours(dtype, way, threads):
    x, y = torch.randn(300, 256).to(dtype), torch.randn(300, 128).to(dtype)
    a, b = torch.randn(32, 256) / 16, torch.randn(128, 32) / 6
    with torch.no_grad():
        alone = torch.cat([low_rank(u[None], v[None], a, b, 0.5) for u, v in zip(x, y)])
        together, some = low_rank(x, y, a, b, 0.5), low_rank(x[5:22], y[5:22], a, b, 0.5)
    far = (
        {"rtol": 0, "atol": 0} if way == "compiled" else {"rtol": 2**-7 if dtype.itemsize == 2 else 1e-5, "atol": 1e-4}
    )
    torch.testing.assert_close(together, alone, **far)
    torch.testing.assert_close(some, alone[5:22], **far)


def test_what_a_product_keeps():
    """The input only where weights learn: a frozen layer needs none to go back."""
    _, worn = layer(96, 64, True)
    x = torch.randn(5, 96).bfloat16().requires_grad_()
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t.data_ptr()) or t, lambda t: t):
        worn.requires_grad_(False)(x)
        assert kept and x.data_ptr() not in kept
        worn.requires_grad_(True)(x)
        assert x.data_ptr() in kept


def test_a_layer_of_another_kind_is_torchs():
    for dtype in (torch.float32, torch.float64):
        plain, worn = layer(64, 32, True, dtype)
        x = torch.randn(3, 64, dtype=dtype)
        assert torch.equal(worn(x), plain(x)) and worn(x).requires_grad
        with torch.no_grad():
            assert worn(x[:0]).shape == (0, 32) and torch.equal(worn(x), plain(x))
    assert layer(64, 32, True)[1](torch.randn(0, 64).bfloat16()).shape == (0, 32)


def test_rows_that_do_not_fit_are_refused_as_torch_refuses_them():
    _, worn = layer(64, 32, True)
    with torch.no_grad(), pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        worn(torch.randn(4, 32).bfloat16())
    q, k = torch.randn(3, 4, 1, 8), torch.randn(1, 4, 6, 8)
    assert not compiled.attends(q, k, k)
    with torch.no_grad():  # torch repeats the only row of keys
        seen = attention(Module(), q, k, k, None, scaling=1.0)[0]
    torch.testing.assert_close(seen, by_hand(q, k, k, None, None, 1.0), rtol=1e-5, atol=1e-5)


def test_torchs_own_products_are_right_after_one_of_ours():
    """Both set the processor's matrix unit, each in its own way."""
    plain, worn = layer(256, 128, False)
    few, many = torch.randn(9, 256).bfloat16(), torch.randn(300, 256).bfloat16()
    exact = copy.deepcopy(plain).double()
    with torch.no_grad():
        for _ in range(3):
            for x, made in ((few, worn), (many, plain), (few, plain)):
                torch.testing.assert_close(made(x).double(), exact(x.double()), rtol=2**-7, atol=1e-3)


# -- dressing ---------------------------------------------------------------------------------------------------------


def kinds(model):
    return [type(m) for m in model.modules()]


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_dressing_changes_nothing_that_is_saved_or_seen(family):
    model, untouched = tiny.FAMILIES[family](), tiny.FAMILIES[family]()
    names, library = (
        [type(m).__name__ for m in model.modules()],
        {type(m): vars(type(m)).copy() for m in model.modules()},
    )
    assert dress(model) > 0 and dress(model) == 0
    assert [type(m).__name__ for m in model.modules()] == names
    assert all(isinstance(m, kind) for m, kind in zip(model.modules(), kinds(untouched)))
    assert all(vars(kind) == before for kind, before in library.items()), "a class of the library was changed"
    state, plain = model.state_dict(), untouched.state_dict()
    assert list(state) == list(plain) and all(torch.equal(state[n], plain[n]) for n in plain)
    assert [vars(m).keys() for m in model.modules()] == [vars(m).keys() for m in untouched.modules()]
    undress(model)
    assert kinds(model) == kinds(untouched)


def test_a_copy_of_a_dressed_model_reads_its_own_weights():
    model = tiny.backbone("t5").model
    twin = copy.deepcopy(model)
    with torch.no_grad():
        twin.encoder.final_layer_norm.weight.zero_()
    x = torch.randn(2, 3, 32)
    assert not twin.encoder.final_layer_norm(x).any() and model.encoder.final_layer_norm(x).any()


def test_a_subclass_of_dropout_keeps_its_own_way():
    class Mine(nn.Dropout):
        pass

    assert dress(Mine(0.5)) == 0


def test_the_interface_uses_these_ops():
    assert attending.drawn is drawn
