"""How surprising a text was to a model that only read it: lower is better."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from ..errors import DataError
from ..records import Prediction
from .metric import Array, need_references


class Surprise:
    """What both have in common: the nats of a text over a count, so that long texts weigh by their length."""

    family: ClassVar[str] = ""
    per_row: ClassVar[bool] = True
    lower_is_better: ClassVar[bool] = True

    def size(self, p: Prediction) -> float:
        """What the nats of a row are divided by."""
        raise NotImplementedError

    def tally(self, predictions: Sequence[Prediction]) -> Array:
        """(rows, 2): nats, and what they are divided by.

        Raises:
            DataError: a row that was not read, or that holds nothing.
        """
        need_references(predictions)
        for p in predictions:
            if p.nats is None or self.size(p) <= 0:
                raise DataError(
                    f"Row {p.id!r} has no likelihood under a model.",
                    "texts that a model has read",
                    "run the study with --task read; outputs in a file cannot be scored like this",
                )
        return np.array([[p.nats, self.size(p)] for p in predictions], np.float64)


class Perplexity(Surprise):
    """Between how many equally likely tokens the model was torn, on geometric average.

    Formula: exp(Σ nats / Σ tokens) over all texts, so a token weighs the same wherever it stands; of one document,
        over its own tokens. A text of 2 tokens with probabilities 1/2 and 1/8: exp((0.693 + 2.079) / 2) = 4.
    Source: Jelinek et al. 1977, "Perplexity: a measure of the difficulty of speech recognition tasks".
    Range: 1 upwards, lower is better; as many as the vocabulary has where nothing was learned. Groups of documents are
        resampled as a whole; a tie is a difference within the margin as a share of the figure (1 % is 0.01 nats).
    Misleads: another tokenizer counts other tokens, so it compares methods over one backbone and never two backbones:
        that is what bits_per_byte is for. Texts that pretraining has seen look easy.
    Defaults: the first token is predicted too, from the start token; the end of a document is trained and not counted.
    """

    word: ClassVar[str] = "perplexity"

    def size(self, p: Prediction) -> float:
        return p.tokens

    def value(self, totals: Array) -> Array:
        return np.exp(totals[..., 0] / totals[..., 1])


class BitsPerByte(Surprise):
    """The bits that the model needs for a byte of the text: perplexity for models that count different tokens.

    Formula: Σ nats / ln 2 / Σ bytes of the texts in UTF-8. 20 nats for "The kettle sings.", 17 bytes: 1.70.
    Source: Gao et al. 2020, "The Pile: An 800GB Dataset of Diverse Text for Language Modeling", arXiv:2101.00027,
        section 3.1.
    Range: 0 upwards, lower is better; 8 is what bytes cost without any model. Groups and ties as for perplexity.
    Misleads: languages differ: a Chinese character is three bytes, a Latin letter one. A tokenizer that writes unknown
        characters as one token gets them too cheaply.
    Defaults: all bytes of the text count, spaces at its ends included.
    """

    word: ClassVar[str] = "bits_per_byte"

    def size(self, p: Prediction) -> float:
        return len(p.references[0].encode("utf-8", "replace"))

    def value(self, totals: Array) -> Array:
        return totals[..., 0] / math.log(2) / totals[..., 1]
