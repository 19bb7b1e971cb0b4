"""The bases, by name. A recipe says how its model is made, what it reads and what it is asked for."""

from __future__ import annotations

from .decoder import Decoder
from .encoder import Encoder
from .seq2seq import LargeSeq2Seq, Seq2Seq, SmallSeq2Seq

Recipe = Seq2Seq | Encoder | Decoder
RECIPES: dict[str, type[Recipe]] = {
    "seedling-t5": Seq2Seq,
    "seedling-t5-small": SmallSeq2Seq,
    "seedling-t5-large": LargeSeq2Seq,
    "seedling-bert": Encoder,
    "seedling-lm": Decoder,
}
