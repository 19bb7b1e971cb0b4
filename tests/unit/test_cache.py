"""A cache with room behind it holds what the library's holds, and copies it seldom."""

from __future__ import annotations

import torch
from transformers.cache_utils import DynamicLayer

from luthier.pretrained import ROOM, RoomyLayer, whole_cache


def tokens(rows: int, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """As a projection makes them: heads last in memory."""
    return torch.randn(rows, count, 4, 8).transpose(1, 2), torch.randn(rows, count, 4, 8).transpose(1, 2)


def test_it_is_the_librarys_through_everything_a_flow_does():
    plain, roomy, rows = DynamicLayer(), RoomyLayer(), 3
    for step in range(2 * ROOM + 20):
        given = tokens(rows, 5 if step == 0 else 1)
        for ours, wanted in zip(roomy.update(*given), plain.update(*given)):
            assert torch.equal(ours, wanted) and ours.stride(3) == 1
        changes = {
            7: lambda kept: kept[torch.tensor([2, 0])],
            20: lambda kept: kept[:, :, 3:],
            30: lambda kept: torch.cat([kept, kept]),
        }
        if step in changes:
            for layer in (plain, roomy):
                layer.keys, layer.values = changes[step](layer.keys), changes[step](layer.values)
            rows = len(roomy.keys)
        if step == 25:
            for layer in (plain, roomy):
                layer.keys[1, :, :2] = 0.5
    assert roomy.get_seq_length() == plain.get_seq_length() == 2 * ROOM + 21


def test_what_was_handed_out_is_not_written_over():
    """Rows left out share no memory with those that went on."""
    layer = RoomyLayer()
    layer.update(*tokens(2, 5))
    before = layer.keys
    kept = before.clone()
    layer.keys, layer.values = layer.keys[:, :, :4], layer.values[:, :, :4]
    layer.update(*tokens(2, 1))
    assert torch.equal(before, kept)


def test_a_token_copies_nothing_while_there_is_room():
    cache = whole_cache()
    places = [cache.update(*tokens(2, 5 if step == 0 else 1), 0)[0].data_ptr() for step in range(ROOM + 2)]
    assert len(set(places[:-1])) == 1 and places[-1] != places[0]
