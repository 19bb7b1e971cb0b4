"""`seedling-bert`: an encoder that fills hidden words.

Its shape is ModernBERT's (Warner et al. 2024, arXiv:2412.13663, section 2): rotary positions, norms before each block,
gated feed-forwards, every other layer with a short window. Beside masked words (Devlin et al. 2019, arXiv:1810.04805,
section 3.1) the mean of a row's vectors, from which heads will read, answers three questions that the corpus itself can
ask: does the second text belong behind the first one, what kind of document is this, and which of the other rows is the
neighbouring passage. The heads of those questions are thrown away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as functional
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import ModernBertConfig, ModernBertForMaskedLM, PreTrainedModel, PreTrainedTokenizerFast

from .batch import NOT_LEARNT, Batch, padded
from .examples import Example
from .rates import TASKS_LATE, Rates
from .text import Text
from .tokenizer import SPECIALS, VOCABULARY_SIZE

PAD, MASK, CLS, SEP = (SPECIALS.index(one) for one in ("<pad>", "<mask>", "<cls>", "<sep>"))
POSITIONS = 512
WINDOW = 16
"""Tokens that the layers with a short window see: what stands beside a word is learnt first there."""
EMBEDDING_SPREAD = 0.08
QUIETER = 4
"""The table is published divided by this, and the norm before the decoder multiplied. A norm follows the table, so all
texts read the same, but a tuner's steps move its words further: they are made for tables of BERT's spread, 0.02."""
HIDDEN_SHARE = 0.35
"""More than BERT's 15 %: every hidden token teaches, and this run sees few (Wettig et al. 2023, arXiv:2202.08005)."""
HIDDEN_SPANS = (1, 1, 2, 3)
"""Lengths of hidden runs: a lone hidden character is too easily told from its neighbours."""
PAIR_SHARE = 0.3
KINDS = 32
"""Room for the kinds of documents of a corpus."""
ORDER_WEIGHT, KIND_WEIGHT, NEIGHBOUR_WEIGHT = 0.3, 0.1, 0.1
NEIGHBOUR_TEMPERATURE = 0.1


def configuration() -> ModernBertConfig:
    """Four blocks of width 256, four heads, gated feed-forward 512: 4.79 million parameters."""
    return ModernBertConfig(
        vocab_size=VOCABULARY_SIZE,
        hidden_size=256,
        intermediate_size=512,
        num_hidden_layers=4,
        num_attention_heads=4,
        max_position_embeddings=POSITIONS,
        local_attention=WINDOW,
        global_attn_every_n_layers=2,
        embedding_dropout=0.0,
        attention_dropout=0.0,
        mlp_dropout=0.0,
        classifier_pooling="mean",
        pad_token_id=PAD,
        cls_token_id=CLS,
        bos_token_id=CLS,
        sep_token_id=SEP,
        eos_token_id=SEP,
    )


class Questions(nn.Module):
    """What is asked of a row's mean vector while pretraining: order of two texts, kind of document, neighbours."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.pool = nn.Linear(width, width)
        self.order = nn.Linear(width, 2)
        self.topics = nn.Linear(width, KINDS)

    def loss(self, means: Tensor, asked: Mapping[str, Tensor]) -> Tensor:
        """The weighted loss of what a batch asks, from its mean vectors (rows, width)."""
        pooled, total = torch.tanh(self.pool(means)), means.new_zeros(())
        if "strange" in asked:
            total = total + ORDER_WEIGHT * functional.cross_entropy(self.order(pooled), asked["strange"])
        if "kinds" in asked:
            total = total + KIND_WEIGHT * functional.cross_entropy(self.topics(pooled), asked["kinds"])
        if "neighbours" in asked:
            direction = functional.normalize(pooled, dim=1)
            near = direction @ direction.T / NEIGHBOUR_TEMPERATURE - 1e4 * torch.eye(len(pooled))
            total = total + NEIGHBOUR_WEIGHT * functional.cross_entropy(near, asked["neighbours"])
        return total


class Encoder:
    """How `seedling-bert` is made, what it reads and what it is asked for."""

    longest = POSITIONS
    width = 256
    kind = "encoder"
    batch_tokens = 2_048
    rates = Rates(matrices=1e-2, rest=2e-3, decay_from=1 / 3)
    task_shares = TASKS_LATE
    frame = ("<cls> $A <sep>", "<cls> $A <sep> $B <sep>")
    """Special tokens put around one text and around two."""

    def __init__(self, words: Tokenizer) -> None:
        del words  # what is read is made of numbers alone

    def fresh(self, seed: int, vectors: np.ndarray | None = None) -> ModernBertForMaskedLM:
        """A new model, with the heads that only training needs; with `vectors` it starts from them."""
        torch.manual_seed(seed)
        model = ModernBertForMaskedLM(configuration())
        model.questions = Questions(model.config.hidden_size)
        table = model.get_input_embeddings().weight
        with torch.no_grad():
            words = torch.randn(table.shape) if vectors is None else torch.from_numpy(vectors)
            table.copy_(words * EMBEDDING_SPREAD)
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

    def token_losses(self, model: ModernBertForMaskedLM, batch: Batch) -> tuple[Tensor, Tensor]:
        """Loss of every hidden token, and the tokens."""
        losses, wanted, _ = self._read(model, batch)
        return losses, wanted

    def _read(self, model: ModernBertForMaskedLM, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        inputs, targets = torch.from_numpy(batch.inputs), torch.from_numpy(batch.targets)
        mask = (inputs != PAD).long()
        read = model.model(input_ids=inputs, attention_mask=None if mask.all() else mask).last_hidden_state
        wanted = targets != NOT_LEARNT
        scores = model.decoder(model.head(read[wanted]))
        means = (read * mask.unsqueeze(-1)).sum(dim=1) / mask.sum(dim=1, keepdim=True)
        return functional.cross_entropy(scores, targets[wanted], reduction="none"), targets[wanted], means

    def loss(self, model: ModernBertForMaskedLM, batch: Batch) -> Tensor:
        """Masked words, and what the mean vectors are asked."""
        losses, _, means = self._read(model, batch)
        asked = {name: torch.from_numpy(held) for name, held in batch.extra.items()}
        return losses.mean() + model.questions.loss(means, asked)

    def publishable(self, model: ModernBertForMaskedLM) -> PreTrainedModel:
        """A plain copy without the heads that only training needs."""
        plain = ModernBertForMaskedLM(model.config)
        plain.load_state_dict({n: w for n, w in model.state_dict().items() if not n.startswith("questions.")})
        with torch.no_grad():
            plain.get_input_embeddings().weight /= QUIETER
            plain.head.norm.weight *= QUIETER
        return plain

    def dress(self, tokenizer: PreTrainedTokenizerFast) -> None:
        """A text ends with its separator."""
        tokenizer.eos_token = "<sep>"


def hidden(ids: np.ndarray, rng: np.random.Generator, extra: dict[str, np.ndarray] | None = None) -> Batch:
    """Hide a third of the text in short runs: 80 % as the mask, 10 % as another token, 10 % as it was."""
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
