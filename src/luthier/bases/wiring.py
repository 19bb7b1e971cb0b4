"""Start a small T5 with the wiring for copying already laid.

To copy, the decoder must find the place in the input whose previous token is the one it
has just written, and read the token that stands there. Left to itself, training finds this
only after millions of tokens, longer than the whole budget here. So three things are set
before the first step, all of them ordinary weights that training may change:

* the first heads of the self-attention prefer the neighbouring tokens, so that each input
  position knows its previous token;
* the queries of the last cross-attentions are made of the same projections as that
  knowledge, so that a token looks for the places that follow it;
* what those cross-attentions read is written out unchanged, and as output and input
  embeddings are one matrix, the token read becomes the likely next one.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from transformers import T5ForConditionalGeneration

NEIGHBOUR_BIAS = 7.0
QUERY_SPREAD = 0.04
READ_GAIN = 2.0
QUIET = 0.1
"""Factor on what the other parts write at first, so that it does not drown the tokens."""
LAYERS = (-1,)


@torch.no_grad()
def lay_copying(model: T5ForConditionalGeneration) -> None:
    """Set the neighbour heads and the copying cross-attentions of a fresh model."""
    width = model.config.d_kv
    for name, weight in model.named_parameters():
        if name.endswith((".o.weight", ".wo.weight")):
            weight.mul_(QUIET)
    reading = model.encoder.block[0].layer[0].SelfAttention
    reading.o.weight[:, :width] /= QUIET
    before = model.config.relative_attention_num_buckets // 2
    reading.relative_attention_bias.weight[1, 0] += NEIGHBOUR_BIAS
    reading.relative_attention_bias.weight[before + 1, 1] += NEIGHBOUR_BIAS
    writing = model.decoder.block[0].layer[0].SelfAttention
    writing.relative_attention_bias.weight[1, 0] += NEIGHBOUR_BIAS
    previous = reading.o.weight[:, :width] @ reading.v.weight[:width]
    for number in LAYERS:
        cross = model.decoder.block[number].layer[1].EncDecAttention
        queries = cross.k.weight @ previous
        cross.q.weight.copy_(queries * QUERY_SPREAD / queries.std())
        basis = _orthogonal(cross.v)
        cross.v.weight.copy_(basis)
        cross.o.weight.copy_(READ_GAIN * basis.T)


def _orthogonal(like: nn.Linear) -> Tensor:
    return nn.init.orthogonal_(torch.empty_like(like.weight))
