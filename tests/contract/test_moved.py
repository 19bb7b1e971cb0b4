"""How far a training moved a delta, against the arithmetic by hand."""

from __future__ import annotations

import pytest
import tiny
import torch

from luthier.moved import moved

SOFT = {"prompt(tokens=5)": 5, "ptuning(tokens=5)": 5, "prefix(tokens=5)": 5, "lora(rank=4)": 0, "full": 0}


def pair(word, noise):
    bone = tiny.shared("t5", layers=1)
    return tiny.delta(bone, word), tiny.delta(bone, word, moved=noise)


@pytest.mark.parametrize("word", SOFT)
def test_nothing_moved(word):
    start, end = pair(word, 0.0)
    assert moved(start, end) == {"update_norm": 0.0, "virtual_tokens": SOFT[word], "dead_tokens": SOFT[word]}


@pytest.mark.parametrize("word", SOFT)
def test_all_moved_and_by_how_much(word):
    start, end = pair(word, 0.1)
    found = moved(start, end)
    before, after = (torch.cat([t.flatten() for t in d.shipped().values()]) for d in (start, end))
    assert found["update_norm"] == pytest.approx(((after - before).norm() / before.norm()).item(), rel=1e-4)
    assert found["dead_tokens"] == 0 and found["virtual_tokens"] == SOFT[word]


def test_what_starts_at_zero_has_no_share():
    start, end = pair("bitfit(everywhere=True)", 0.1)
    after = torch.cat([t.flatten() for t in end.shipped().values()])
    assert moved(start, end)["update_norm"] == pytest.approx(after.norm().item(), rel=1e-4)


@pytest.mark.parametrize("word", ["prompt(tokens=5)", "prefix(tokens=5)"])
def test_a_token_that_stayed_is_counted(word):
    start, end = pair(word, 0.1)
    with torch.no_grad():
        for name, tensor in end.trained().items():
            here = (slice(None), [1, 3]) if "prefix" in word else [1, 3]
            tensor[here] = start.trained()[name][here]
    assert moved(start, end)["dead_tokens"] == 2


def test_a_head_is_left_out():
    bone = tiny.shared("bert", layers=1)
    start, end = tiny.delta(bone, "lora(rank=4)"), tiny.delta(bone, "lora(rank=4)")
    with torch.no_grad():
        end.head.out.weight.add_(1.0)
    assert moved(start, end)["update_norm"] == 0
