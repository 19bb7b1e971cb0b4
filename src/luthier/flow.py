"""How rows run through a generating model step by step: started together, joined by others, leaving one by one.

    flow = start(backbone, layouts, inputs)
    while …:
        logits_BV = flow.next()      # of the next token of every row
        flow.append(chosen_B)        # what was chosen
        flow.select(stay)            # rows that go on, in any order
        flow.join(other)             # rows that were started elsewhere and have appended as well
        flow.replace(seats, other)   # the same, in the place of rows that have ended: nobody else's are copied

Rows keep their own lengths: what one row has not got is masked padding on its left, where no position counts.

Shapes: B rows, S input positions, T positions of the decoder, V vocabulary, H heads, D head width.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from .backbone import Backbone
from .batches import Layouts, each_row, layout_positions, pad
from .pretrained import paired_cache, whole_cache


class Seq2seq:
    """An encoder-decoder's flow: the encoder runs once, the decoder token by token."""

    def __init__(self, backbone: Backbone, layout: Layouts, inputs: Sequence[np.ndarray]) -> None:
        first = each_row(layout, len(inputs))[0]
        ids, mask = pad(inputs, first)
        self.model, self.mask = backbone.model, mask.to(backbone.device)
        self.hidden = self.model.get_encoder()(input_ids=ids.to(backbone.device), attention_mask=self.mask)[0]
        self.last = torch.full((len(inputs), 1), first.start, device=backbone.device)
        self.past = paired_cache()
        self.said: Tensor | None = None
        """Real decoder positions, (B, T); None while all rows have said equally many tokens."""

    def next(self) -> Tensor:
        with _own_positions(self.model, self.said):
            out = self.model(
                encoder_outputs=(self.hidden,),
                attention_mask=self.mask,
                decoder_input_ids=self.last,
                decoder_attention_mask=self.said,
                past_key_values=self.past,
                use_cache=True,
            )
        self.past = out.past_key_values
        return out.logits[:, -1]

    def append(self, chosen_B: Tensor) -> None:
        self.last = chosen_B[:, None]
        if self.said is not None:
            self.said = torch.cat([self.said, self.said.new_ones(len(self.said), 1)], 1)

    def select(self, stay: Tensor) -> None:
        self.mask, self.last = self.mask[stay], self.last[stay]
        self.said = None if self.said is None else self.said[stay]
        self._trim()
        for cache in (self.past.self_attention_cache, self.past.cross_attention_cache):
            _each_layer(cache, lambda kept: kept[stay])

    def join(self, other: Seq2seq) -> None:
        ours, theirs = self._mine(), other._mine()
        if self.said is not None or other.said is not None or ours.shape[1] != theirs.shape[1]:
            self.said = _stack(ours, theirs, 0)
        long = max(self.mask.shape[1], other.mask.shape[1])
        for cache, mine, left in (
            (self.past.self_attention_cache, other.past.self_attention_cache, True),
            (self.past.cross_attention_cache, other.past.cross_attention_cache, False),
        ):
            _join(cache, mine, left)
        self.mask = torch.cat([F.pad(m, (0, long - m.shape[1])) for m in (self.mask, other.mask)])
        self.last = torch.cat([self.last, other.last])
        self._encoded(long)

    def replace(self, seats: Tensor, other: Seq2seq) -> None:
        self.said = _seated(self._mine(), other._mine(), seats, left=True)
        self.mask = _seated(self.mask, other.mask, seats, left=False)
        self.last[seats] = other.last
        _replace(self.past.self_attention_cache, other.past.self_attention_cache, seats, left=True)
        _replace(self.past.cross_attention_cache, other.past.cross_attention_cache, seats, left=False)
        self._trim()

    def _trim(self) -> None:
        """Leave out what is padding in every row."""
        width = int(self.mask.any(0).sum())
        self.mask = self.mask[:, :width]
        _each_layer(self.past.cross_attention_cache, lambda kept: kept[:, :, :width])
        self._encoded(width)
        if self.said is not None:
            spare = _spare(self.said)
            self.said = self.said[:, spare:]
            _each_layer(self.past.self_attention_cache, lambda kept: kept[:, :, spare:])

    def _encoded(self, width: int) -> None:
        """Keys and values of the inputs are cached by now: the model only asks for the width of what it encoded."""
        self.hidden = self.hidden.new_zeros(1).expand(len(self.mask), width, self.hidden.shape[2])

    def _mine(self) -> Tensor:
        if self.said is not None:
            return self.said
        return self.mask.new_ones(len(self.mask), self.past.get_seq_length() + 1)


class Causal:
    """A decoder's flow: prompts padded on the left, positions explicit, then token by token."""

    def __init__(self, backbone: Backbone, layout: Layouts, inputs: Sequence[np.ndarray]) -> None:
        self.layouts = list(each_row(layout, len(inputs)))
        ids, mask = pad(inputs, self.layouts[0], left=True)
        self.model, self.past = backbone.model, whole_cache()
        self.last, self.mask = ids.to(backbone.device), mask.to(backbone.device)

    def next(self) -> Tensor:
        positions = layout_positions(self.mask, self.layouts)
        more = {} if positions is None else {"position_ids": positions[:, -self.last.shape[1] :]}
        out = self.model(
            input_ids=self.last,
            attention_mask=self.mask,
            past_key_values=self.past,
            use_cache=True,
            logits_to_keep=1,
            **more,
        )
        self.past = out.past_key_values
        return out.logits[:, -1]

    def append(self, chosen_B: Tensor) -> None:
        self.last = chosen_B[:, None]
        self.mask = torch.cat([self.mask, self.mask.new_ones(len(self.mask), 1)], 1)

    def select(self, stay: Tensor) -> None:
        self.last, self.mask = self.last[stay], self.mask[stay]
        self.layouts = [self.layouts[row] for row in stay.tolist()]
        self._trim()
        _each_layer(self.past, lambda kept: kept[stay])

    def _trim(self) -> None:
        """Leave out what is padding in every row."""
        spare = _spare(self.mask)
        self.mask = self.mask[:, spare:]
        _each_layer(self.past, lambda kept: kept[:, :, spare:])

    def join(self, other: Causal) -> None:
        _join(self.past, other.past, left=True)
        self.mask = _stack(self.mask, other.mask, 0)
        self.last = torch.cat([self.last, other.last])
        self.layouts += other.layouts

    def replace(self, seats: Tensor, other: Causal) -> None:
        self.mask = _seated(self.mask, other.mask, seats, left=True)
        self.last[seats] = other.last
        for seat, own in zip(seats.tolist(), other.layouts):
            self.layouts[seat] = own
        _replace(self.past, other.past, seats, left=True)
        self._trim()


Flow = Seq2seq | Causal


def start(backbone: Backbone, layout: Layouts, inputs: Sequence[np.ndarray]) -> Flow:
    """A flow of these rows, virtual ids included; nothing of a decoder has run yet."""
    return (Seq2seq if backbone.kind == "seq2seq" else Causal)(backbone, layout, inputs)


def _spare(mask_BT: Tensor) -> int:
    """Columns on the left that are padding in every row."""
    return int(mask_BT.any(0).long().argmax())


def _stack(one: Tensor, other: Tensor, filler: int) -> Tensor:
    """(B, T) and (C, U) -> (B + C, max(T, U)), the narrower one filled on its left."""
    width = max(one.shape[1], other.shape[1])
    return torch.cat([F.pad(m, (width - m.shape[1], 0), value=filler) for m in (one, other)])


def _join(cache: Any, other: Any, left: bool) -> None:
    """Put the rows of `other` behind those of `cache`; the shorter one is filled with zeros, which are masked."""
    for mine, theirs in zip(cache.layers, other.layers, strict=True):
        width = max(mine.keys.shape[2], theirs.keys.shape[2])
        for name in ("keys", "values"):
            both = (getattr(mine, name), getattr(theirs, name))
            short = [width - kept.shape[2] for kept in both]
            padded = [F.pad(k, (0, 0, n, 0) if left else (0, 0, 0, n)) for k, n in zip(both, short)]
            setattr(mine, name, torch.cat(padded))


def _seated(mask_BT: Tensor, other_CU: Tensor, seats: Tensor, left: bool) -> Tensor:
    """The mask with those rows instead of the ones that sat there; they may be no wider."""
    more = mask_BT.shape[1] - other_CU.shape[1]
    mask_BT = mask_BT.clone()
    mask_BT[seats] = F.pad(other_CU, (more, 0) if left else (0, more))
    return mask_BT


def _replace(cache: Any, other: Any, seats: Tensor, left: bool) -> None:
    """Write the rows of `other` over those in `seats`; what a shorter one leaves of them is masked."""
    for mine, theirs in zip(cache.layers, other.layers, strict=True):
        for name in ("keys", "values"):
            kept, new = getattr(mine, name), getattr(theirs, name)
            where = slice(kept.shape[2] - new.shape[2], None) if left else slice(new.shape[2])
            kept[seats, :, where] = new


def _each_layer(cache: Any, change: Callable[[Tensor], Tensor]) -> None:
    for layer in cache.layers:
        layer.keys, layer.values = change(layer.keys), change(layer.values)


@contextmanager
def _own_positions(model: Any, said_BT: Tensor | None) -> Iterator[None]:
    """Inside, a decoder with learned positions (BART) numbers each row by what that row has said."""
    numbered = getattr(model.get_decoder(), "embed_positions", None)
    if said_BT is None or numbered is None:
        yield
        return
    positions_B1 = said_BT.sum(1, keepdim=True) - 1 + numbered.offset
    handle = numbered.register_forward_hook(lambda *_: F.embedding(positions_B1, numbered.weight))
    try:
        yield
    finally:
        handle.remove()
