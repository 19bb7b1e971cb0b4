"""A prefix for attention that takes no extra arguments (BLOOM): it comes out of the cache that the layer asks.

Shapes: B rows, H heads, K key positions, n prefix tokens.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from .attention import Prefix, with_prefix


class PrefixedCache:
    """A cache whose keys and values start with the prefixes, and the ALiBi bias and mask that fit them."""

    def __init__(self, cache: Any, alibi: Tensor, mask: Tensor, prefixes: tuple[Prefix, ...] = ()) -> None:
        self.cache, self.alibi, self.mask, self.prefixes = cache, alibi, mask, prefixes

    def update(self, key: Tensor, value: Tensor, *where: Any) -> tuple[Tensor, Tensor]:
        if self.cache is not None:
            key, value = self.cache.update(key, value, *where)
        key, value, _ = with_prefix(key, value, None, list(self.prefixes), 1)
        return key, value

    def wider(self) -> dict[str, Tensor]:
        rows, _, queries, keys = self.mask.shape
        heads = self.alibi.shape[0] // rows
        bare = self.mask.new_zeros(rows, heads, keys, 1)
        _, _, mask = with_prefix(
            bare,
            bare,
            self.mask,
            [
                p._replace(key_GnD=p.key_GnD[..., :1].detach(), value_GnD=p.value_GnD[..., :1].detach())
                for p in self.prefixes
            ],
            queries,
        )
        n = mask.shape[-1] - keys
        # The prefix stands at positions −n … −1: only differences of positions matter to softmax.
        columns_H1n = slopes(heads).to(self.alibi)[:, None, None] * torch.arange(-n, 0, device=self.alibi.device)
        alibi = torch.cat([columns_H1n.to(self.alibi.dtype).repeat(rows, 1, 1), self.alibi], dim=-1)
        return {"alibi": alibi, "attention_mask": mask}


def slopes(heads: int) -> Tensor:
    """ALiBi's slope per head (Press et al. 2022, arXiv:2108.12409, §3): 2^(−8i/heads), half steps off powers of 2."""
    power = 2 ** math.floor(math.log2(heads))
    start = 2.0 ** (-8.0 / power)
    first = [start ** (i + 1) for i in range(power)]
    half = 2.0 ** (-4.0 / power)
    return torch.tensor(first + [half ** (2 * i + 1) for i in range(heads - power)])
