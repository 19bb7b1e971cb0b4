"""What a trained actor does, said as a gain, a shift and a low rank, is what it does."""

from __future__ import annotations

import pytest
import tiny
import torch

from luthier.affine import Affine, Crowd

WORDS = ("lora(rank=4)", "lora(rank=2, alpha=8)", "dora(rank=3)", "ia3", "bitfit(everywhere=True)", "layernorm")
close = pytest.mark.parametrize("family", ["t5", "bert", "gpt2", "bloom", "llama"])


@close
@pytest.mark.parametrize("word", WORDS)
def test_an_actor_alone_in_a_crowd(family, word):
    bone = tiny.shared(family)
    delta = tiny.delta(bone, word, moved=0.1)
    for site, actor in zip(delta.sites, delta.actors):
        if (change := actor.affine()) is None:
            assert word == "ia3" and site.role.endswith("down"), "only what goes in is scaled there"
            continue
        x, y = torch.randn(3, 1, site.features_in or 5), torch.randn(3, 1, site.features_out or len(change.gain_o))
        with torch.no_grad():
            crowd = Crowd({1: change}, 2)
            torch.testing.assert_close(crowd(x, y, torch.tensor([1, 0, 1]))[[0, 2]], actor.after(x, y)[[0, 2]])
            assert torch.equal(crowd(x, y, torch.tensor([1, 0, 1]))[1], y[1]), "a row of another delta stays"


def test_rows_of_a_crowd_see_no_other_rank():
    """Another delta's numbers, however large, leave no trace: they are multiplied by zero."""
    torch.manual_seed(0)
    quiet = Affine(a_ri=torch.randn(2, 5), b_or=torch.randn(4, 2))
    loud = Affine(torch.full((4,), 1e6), torch.full((4,), 1e6), torch.full((3, 5), 1e6), torch.full((4, 3), 1e6))
    x, y = torch.randn(2, 1, 5), torch.randn(2, 1, 4)
    mixed = Crowd({0: quiet, 1: loud}, 3)(x, y, torch.tensor([0, 2]))
    torch.testing.assert_close(mixed[0], y[0] + x[0] @ quiet.a_ri.T @ quiet.b_or.T)
    assert torch.equal(mixed[1], y[1])
