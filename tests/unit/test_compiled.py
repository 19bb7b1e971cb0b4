"""The compiled loops: built once, given up in silence, the same whatever the threads, and NaN stays NaN."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest
import torch
from torch.nn import functional as F

from luthier.ops import compiled
from luthier.ops.attention import attention
from luthier.ops.dropout import dropout
from luthier.ops.gates import SILU, TANH_GELU, gated
from luthier.ops.label_loss import label_loss
from luthier.ops.low_rank import low_rank
from luthier.ops.norm import rms_norm

WITH = pytest.mark.skipif(compiled.library() is None, reason="no C++ compiler with OpenMP")


@pytest.fixture
def anew(monkeypatch, tmp_path):
    """A cache folder without the loops, and `library` to ask again."""
    monkeypatch.setenv("LUTHIER_CACHE", str(tmp_path))
    monkeypatch.delenv("LUTHIER_KERNELS", raising=False)
    return compiled.library.__wrapped__


@WITH
def test_built_once_and_kept(anew, tmp_path, monkeypatch):
    assert anew() is not None
    (made,) = (tmp_path / "kernels").iterdir()
    monkeypatch.setattr(compiled, "_build", lambda *_: pytest.fail("built twice"))
    assert anew() is not None and made.suffix == ".so"
    monkeypatch.setattr(compiled, "processor", lambda: "another one")
    with pytest.raises(pytest.fail.Exception):
        anew()


@WITH
def test_many_processes_may_build_at_once(tmp_path):
    ask = "from luthier.ops import compiled; assert compiled.library() is not None"
    together = {**os.environ, "LUTHIER_CACHE": str(tmp_path), "LUTHIER_KERNELS": ""}
    asked = [subprocess.Popen([sys.executable, "-c", ask], env=together) for _ in range(2)]
    assert [a.wait(120) for a in asked] == [0, 0]
    assert len(list((tmp_path / "kernels").iterdir())) == 1


def test_without_a_compiler_torch_does_it(anew, monkeypatch):
    monkeypatch.setattr(compiled.shutil, "which", lambda name: None)
    assert anew() is None


def test_a_compiler_that_fails_is_not_asked_for_more(anew, tmp_path, monkeypatch):
    broken = tmp_path / "c++"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(compiled.shutil, "which", lambda name: str(broken))
    assert anew() is None and not list((tmp_path / "kernels").iterdir())


def test_a_cache_that_cannot_be_written_costs_the_loops_alone(anew, tmp_path, monkeypatch):
    (tmp_path / "kernels").write_text("a file where the folder would be")
    assert anew() is None


def test_they_can_be_left_out(anew, monkeypatch):
    monkeypatch.setenv("LUTHIER_KERNELS", "torch")
    assert anew() is None


def everything(dtype):
    """One value of every op, and its gradient."""
    torch.manual_seed(20)
    x, y = (torch.randn(3, 2, 70, 90).to(dtype).requires_grad_() for _ in range(2))
    head, labels = torch.randn(300, 90).to(dtype), torch.randint(0, 300, (420,))
    made = {
        "dropout": dropout(x, 0.3),
        "attention": attention(torch.nn.Module().train(), x, y, x * y, None, dropout=0.2)[0],
        "norm": rms_norm(x, torch.rand(90).to(dtype), 1e-6),
        "silu": gated(x, y, SILU, 0.1),
        "gelu": gated(x, None, TANH_GELU),
        "loss": label_loss(x.reshape(-1, 90), head, None, labels),
    }
    return {name: (value, torch.autograd.grad(value.float().sum(), x)[0]) for name, value in made.items()}


@WITH
@pytest.mark.parametrize("dtype", compiled.KINDS)
def test_threads_change_nothing(dtype):
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = everything(dtype)
        torch.set_num_threads(3)
        shared = everything(dtype)
    finally:
        torch.set_num_threads(before)
    for name, (value, gradient) in alone.items():
        near = {"rtol": 1e-5, "atol": 1e-5} if dtype == torch.float32 else {"rtol": 0.02, "atol": 0.02}
        torch.testing.assert_close(shared[name][0], value, **near, msg=name)
        torch.testing.assert_close(shared[name][1], gradient, **near, msg=name)


@WITH
@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="about kinds of x86 processors")
@pytest.mark.parametrize("march", ["x86-64", "x86-64-v3"])
def test_narrow_vectors_make_the_same(anew, monkeypatch, march):
    """Of 4 and of 8 floats, whatever this processor has."""
    monkeypatch.setattr(compiled, "FLAGS", (*compiled.FLAGS, f"-march={march}"))
    narrow = anew()
    assert narrow is not None and not narrow.has_wide_vectors()
    monkeypatch.setattr(compiled, "library", lambda: narrow)
    monkeypatch.setattr(compiled, "has_matrix_unit", lambda: False)
    monkeypatch.setattr(compiled, "has_wide_vectors", lambda: True)
    torch.manual_seed(21)
    rows, a, b = (torch.randn(*shape) for shape in ((11, 80), (5, 80), (80, 5)))
    for dtype, far in ((torch.float32, 1e-5), (torch.bfloat16, 0.02)):
        given = [torch.randn(2, 3, n, 48).to(dtype) for n in (37, 50, 50)]
        x = rows.to(dtype)
        with torch.no_grad():
            made = [attention(torch.nn.Module(), given[0][:, :, :n], *given[1:], None)[0] for n in (1, 37)]
            wanted = [F.scaled_dot_product_attention(given[0][:, :, :n], *given[1:]).transpose(1, 2) for n in (1, 37)]
            made.append(low_rank(x, x, a, b, 0.5))
            wanted.append((rows.to(dtype).float() + x.float() @ a.t() @ b.t() * 0.5).to(dtype))
        if dtype == torch.float32:
            tensors = [t.requires_grad_() for t in given]
            upstream = torch.randn(2, 37, 3, 48)
            ours, torchs = attention(torch.nn.Module(), *tensors, None)[0], F.scaled_dot_product_attention(*tensors)
            assert type(ours.grad_fn).__name__.startswith("_AttendedInCache")
            made += torch.autograd.grad(ours, tensors, upstream)
            wanted += torch.autograd.grad(torchs.transpose(1, 2), tensors, upstream)
        for one, other in zip(made, wanted):
            torch.testing.assert_close(one, other, rtol=far, atol=far)


@WITH
@pytest.mark.parametrize("dtype", compiled.KINDS)
def test_no_op_hides_a_number_that_is_none(dtype):
    x = torch.ones(70, dtype=dtype)
    x[3] = float("nan")
    weights = x.repeat(2, 1)[None, None].clone()
    compiled.attention_weights(weights, compiled.Scoring(1.0, None, None))
    assert weights.isnan().all()
    assert compiled.rms_norm(x, torch.ones_like(x), 1e-6)[0].isnan().all()
    for kind in (SILU, TANH_GELU):
        assert compiled.gated(x, None, kind, compiled.EVERYTHING).isnan().sum() == 1
    assert compiled.cross_entropy(x[None].clone(), torch.tensor([0]), True).isnan().all()
    assert compiled.dropped(x, compiled.EVERYTHING).isnan().sum() == 1
    bad, good = x.view(1, 1, 7, 10), torch.ones(1, 1, 7, 10, dtype=dtype)
    assert compiled.attended(good[:, :, :1], bad, good, compiled.Scoring(1.0, None, None)).isnan().all()
    assert compiled.attended(good[:, :, :1], good, bad, compiled.Scoring(1.0, None, None)).isnan().sum() == 1


@WITH
@pytest.mark.parametrize("dtype", compiled.KINDS)
def test_a_line_that_is_no_number_does_not_reach_the_next(dtype):
    """70 numbers a line leave room in the last step, where what one line left would be read with the next."""
    bad = torch.rand(1, 1, 6, 70).to(dtype)
    bad[..., 0, 3] = float("nan")
    mask = torch.zeros(1, 1, 6, 70).to(dtype)
    mask[..., 1, :] = -float("inf")
    weights, coins = bad.clone(), compiled.Coins(3, 60_000)
    seen = compiled.attention_weights(weights, compiled.Scoring(1.0, None, mask, coins))
    assert (
        weights[..., :2, :].isnan().all() and weights[..., 2:, :].isfinite().all() and seen[..., 2:, :].isfinite().all()
    )
    gradient = torch.rand(1, 1, 6, 70).to(dtype)
    compiled.attention_weights_backward(gradient, weights, 1.0, coins)
    assert gradient[..., 2:, :].isfinite().all()
    lines, ones = bad[0, 0].clone(), torch.ones(70, dtype=dtype)
    y, inverse = compiled.rms_norm(lines, ones, 1e-6)
    assert y[1:].isfinite().all() and compiled.rms_norm_backward(lines, lines, ones, inverse)[1:].isfinite().all()
    losses = compiled.cross_entropy(lines, torch.zeros(6, dtype=torch.long), True)
    assert losses[0].isnan() and losses[1:].isfinite().all() and lines[1:].isfinite().all()
