"""`seedling-bert`: an encoder that fills hidden words, with a pooled vector that means something.

Beside masked words (Devlin et al. 2019, arXiv:1810.04805, section 3.1) the pooled vector answers three questions that
the corpus itself can ask: does the second text belong behind the first one, what kind of document is this, and which of
the other rows is the neighbouring passage. The heads of the last two are thrown away.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as functional
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import BertConfig, BertForPreTraining, PreTrainedModel, PreTrainedTokenizerFast

from .batch import NOT_LEARNT, Batch, padded
from .examples import Example
from .rates import Rates
from .text import Text
from .tokenizer import SPECIALS, VOCABULARY_SIZE

PAD, MASK, CLS, SEP = (SPECIALS.index(one) for one in ("<pad>", "<mask>", "<cls>", "<sep>"))
POSITIONS = 512
EMBEDDING_SPREAD = 0.04
POSITION_SPREAD = 0.02
HIDDEN_SHARE = 0.2
HIDDEN_SPANS = (1, 1, 2, 3)
"""Lengths of hidden runs: a lone hidden character is too easily told from its neighbours."""
PAIR_SHARE = 0.3
KINDS = 32
"""Room for the kinds of documents of a corpus."""
ORDER_WEIGHT, KIND_WEIGHT, NEIGHBOUR_WEIGHT = 0.3, 0.1, 0.1
NEIGHBOUR_TEMPERATURE = 0.1


def configuration() -> BertConfig:
    """Four blocks of width 256, four heads, feed-forward 768: 4.99 million parameters with pooler and heads."""
    return BertConfig(
        vocab_size=VOCABULARY_SIZE,
        hidden_size=256,
        intermediate_size=768,
        num_hidden_layers=4,
        num_attention_heads=4,
        max_position_embeddings=POSITIONS,
        type_vocab_size=1,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        initializer_range=0.04,
        pad_token_id=PAD,
    )


class Encoder:
    """How `seedling-bert` is made, what it reads and what it is asked for."""

    longest = POSITIONS
    width = 256
    kind = "encoder"
    rates = Rates(matrices=3e-3, rest=2e-3)
    frame = ("<cls> $A <sep>", "<cls> $A <sep> $B <sep>")
    """Special tokens put around one text and around two."""

    def __init__(self, words: Tokenizer) -> None:
        del words  # what is read is made of numbers alone

    def fresh(self, seed: int, vectors: np.ndarray | None = None) -> BertForPreTraining:
        """A new model, with the heads that only training needs; with `vectors` it starts from them."""
        torch.manual_seed(seed)
        model = BertForPreTraining(configuration())
        model.topics = nn.Linear(model.config.hidden_size, KINDS)
        with torch.no_grad():
            table = model.bert.embeddings
            words = torch.randn(table.word_embeddings.weight.shape) if vectors is None else torch.from_numpy(vectors)
            table.word_embeddings.weight.copy_(words * EMBEDDING_SPREAD)
            table.position_embeddings.weight.copy_(_waves(POSITIONS, model.config.hidden_size) * POSITION_SPREAD)
            table.token_type_embeddings.weight.zero_()
        return model

    def text_batch(self, text: Text, length: int, tokens: int, rng: np.random.Generator) -> Batch:
        """Lone windows whose neighbours stand two by two, or pairs of passages that belong together or not."""
        rows = max(2, tokens // length // 2 * 2)
        if rng.random() < PAIR_SHARE:
            return self._pairs(text, length, rows, rng)
        inner = length - 2
        starts = np.repeat(text.starts(rng, rows // 2, 2 * inner), 2)
        starts[1::2] += inner
        ids = np.pad(text.at(starts, inner), ((0, 0), (1, 1)))
        ids[:, 0], ids[:, -1] = CLS, SEP
        return hidden(ids, rng, {"kinds": text.kinds_at(starts + inner // 2), "neighbours": np.arange(rows) ^ 1})

    def _pairs(self, text: Text, length: int, rows: int, rng: np.random.Generator) -> Batch:
        inner = (length - 3) // 2
        starts = text.starts(rng, rows, 2 * inner)
        first, second = text.at(starts, inner), text.at(starts + inner, inner)
        wrong = rng.random(rows) < 0.5
        swapped = wrong & (rng.random(rows) < 0.5)
        first[swapped], second[swapped] = second[swapped], first[swapped]
        strange = np.flatnonzero(wrong & ~swapped)
        second[strange] = second[(strange + 2) % rows]  # rows take turns between the languages
        ids = np.full((rows, 2 * inner + 3), SEP)
        ids[:, 0], ids[:, 1 : inner + 1], ids[:, inner + 2 : -1] = CLS, first, second
        return hidden(ids, rng, {"strange": wrong.astype(np.int64)})

    def task_batch(self, rows: Sequence[Example], rng: np.random.Generator) -> Batch:
        """Instructions beside an answer: their own, or the next row's."""
        strange = rng.random(len(rows)) < 0.5
        shown = [rows[(n + 1) % len(rows)][1] if strange[n] else rows[n][1] for n in range(len(rows))]
        strange &= np.array([shown[n] != rows[n][1] for n in range(len(rows))])
        whole = [[CLS, *given, SEP, *said, SEP] for (given, _), said in zip(rows, shown, strict=True)]
        return hidden(padded([one[:POSITIONS] for one in whole]), rng, {"strange": strange.astype(np.int64)})

    def token_losses(self, model: BertForPreTraining, batch: Batch) -> tuple[Tensor, Tensor]:
        """Loss of every hidden token, and the tokens."""
        losses, wanted, _ = self._read(model, batch)
        return losses, wanted

    def _read(self, model: BertForPreTraining, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        inputs, targets = torch.from_numpy(batch.inputs), torch.from_numpy(batch.targets)
        mask = None if (batch.inputs != PAD).all() else (inputs != PAD).long()
        read = model.bert(input_ids=inputs, attention_mask=mask)
        real = targets != NOT_LEARNT
        scores = model.cls.predictions(read.last_hidden_state[real])
        return functional.cross_entropy(scores, targets[real], reduction="none"), targets[real], read.pooler_output

    def loss(self, model: BertForPreTraining, batch: Batch) -> Tensor:
        """Masked words, and what the pooled vectors are asked."""
        losses, _, pooled = self._read(model, batch)
        total, extra = losses.mean(), {name: torch.from_numpy(held) for name, held in batch.extra.items()}
        if "strange" in extra:
            total = total + ORDER_WEIGHT * functional.cross_entropy(
                model.cls.seq_relationship(pooled), extra["strange"]
            )
        if "kinds" in extra:
            total = total + KIND_WEIGHT * functional.cross_entropy(model.topics(pooled), extra["kinds"])
        if "neighbours" in extra:
            direction = functional.normalize(pooled, dim=1)
            near = direction @ direction.T / NEIGHBOUR_TEMPERATURE - 1e4 * torch.eye(len(pooled))
            total = total + NEIGHBOUR_WEIGHT * functional.cross_entropy(near, extra["neighbours"])
        return total

    def publishable(self, model: BertForPreTraining) -> PreTrainedModel:
        """A plain copy without the heads that only training needs."""
        plain = BertForPreTraining(model.config)
        plain.load_state_dict({n: w for n, w in model.state_dict().items() if not n.startswith("topics.")})
        return plain

    def dress(self, tokenizer: PreTrainedTokenizerFast) -> None:
        """A text ends with its separator."""
        tokenizer.eos_token = "<sep>"


def hidden(ids: np.ndarray, rng: np.random.Generator, extra: dict[str, np.ndarray] | None = None) -> Batch:
    """Hide a fifth of the text in short runs: 80 % as the mask, 10 % as another token, 10 % as it was."""
    chosen = np.zeros(ids.shape, dtype=bool)
    starts = rng.random(ids.shape) < HIDDEN_SHARE / np.mean(HIDDEN_SPANS)
    spans = rng.choice(HIDDEN_SPANS, size=ids.shape)
    for ahead in range(max(HIDDEN_SPANS)):
        reached = starts & (spans > ahead)
        chosen[:, ahead:] |= reached[:, : ids.shape[1] - ahead]
    chosen &= (ids != PAD) & (ids != CLS) & (ids != SEP)
    chosen[0, 1] |= not chosen.any()
    shown, fate = ids.copy(), rng.random(ids.shape)
    shown[chosen & (fate < 0.8)] = MASK
    other = chosen & (fate >= 0.9)
    shown[other] = rng.integers(len(SPECIALS), VOCABULARY_SIZE, int(other.sum()))
    return Batch(shown, np.where(chosen, ids, NOT_LEARNT), extra or {})


def _waves(places: int, width: int) -> Tensor:
    """Sinusoids, so that places which training seldom reaches start out like their neighbours."""
    turn = torch.arange(places)[:, None] * 10000.0 ** (-torch.arange(0, width, 2) / width)
    return torch.stack([turn.sin(), turn.cos()], dim=2).flatten(1)
