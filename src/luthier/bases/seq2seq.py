"""`seedling-t5`: an encoder-decoder that fills in hidden runs and answers instructions."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as functional
from tokenizers import Tokenizer
from torch import Tensor
from transformers import (
    GenerationConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    T5Config,
    T5ForConditionalGeneration,
)

from .batch import NOT_LEARNT, Batch, padded
from .examples import Example
from .fused import fuse_norms
from .rates import Rates
from .text import END, Text
from .tokenizer import FIRST_SENTINEL, MODEL_MAX_LENGTH, SENTINEL_COUNT, SPECIALS, VOCABULARY_SIZE
from .wiring import lay_copying

EMBEDDING_SPREAD = 0.5
HIDDEN_SHARE = 0.2
HIDDEN_SPAN = 3
HEAD_WIDTH = 32


class Seq2Seq:
    """How `seedling-t5` is made, what it reads and what it is asked for. Its two siblings differ in shape alone."""

    longest = MODEL_MAX_LENGTH
    width, blocks, feed_forward = 192, 3, 512
    """4.67 million parameters; as many blocks on each side."""
    kind = "seq2seq"
    batch_tokens = 3_072
    rates = Rates(
        matrices=5e-3,
        rest=5e-3,
        special={"relative_attention_bias": 2e-2, "Attention.q.weight": 0.4},
        shrink=0.4,
    )
    """T5 does not scale its attention scores, so query weights live on a smaller scale."""
    task_shares = ((0.05, 0.3), (1.0, 0.7))
    """Tasks nearly from the start: what it is tuned for is to say again, in other words, what it has read."""
    frame = ("$A </s>", "$A </s> $B </s>")
    """Special tokens put around one text and around two."""

    def __init__(self, words: Tokenizer) -> None:
        del words  # what is read is made of numbers alone

    @classmethod
    def configuration(cls) -> T5Config:
        """The shape, with heads of 32."""
        return T5Config(
            vocab_size=VOCABULARY_SIZE,
            d_model=cls.width,
            d_kv=HEAD_WIDTH,
            d_ff=cls.feed_forward,
            num_layers=cls.blocks,
            num_decoder_layers=cls.blocks,
            num_heads=cls.width // HEAD_WIDTH,
            feed_forward_proj="gated-gelu",
            dropout_rate=0.0,
            pad_token_id=SPECIALS.index("<pad>"),
            eos_token_id=END,
            bos_token_id=SPECIALS.index("<s>"),
            decoder_start_token_id=SPECIALS.index("<pad>"),
        )

    def fresh(self, seed: int, vectors: np.ndarray | None = None) -> T5ForConditionalGeneration:
        """A new model wired for copying; with `vectors` it starts from them."""
        torch.manual_seed(seed)
        model = T5ForConditionalGeneration(self.configuration())
        with torch.no_grad():
            if vectors is None:
                model.shared.weight.mul_(EMBEDDING_SPREAD)
            else:
                model.shared.weight.copy_(torch.from_numpy(vectors) * EMBEDDING_SPREAD)
        lay_copying(model)
        for module in model.modules():
            if hasattr(module, "wi_0"):
                module.act = torch.nn.GELU(approximate="tanh")
        return fuse_norms(model, "T5LayerNorm")

    def text_batch(self, text: Text, length: int, tokens: int, rng: np.random.Generator) -> Batch:
        """Windows of running text with hidden runs."""
        windows = text.at(text.starts(rng, max(1, tokens // length), length), length)
        draw = random.Random(int(rng.integers(2**62)))
        return _framed([hide_spans(row.tolist(), draw) for row in windows])

    def task_batch(self, rows: Sequence[Example], rng: np.random.Generator) -> Batch:
        """Instructions and their answers."""
        return _framed([([*given, END], [*wanted, END]) for given, wanted in rows])

    def token_losses(self, model: T5ForConditionalGeneration, batch: Batch) -> tuple[Tensor, Tensor]:
        """Loss of every real target token, and the tokens; padding never reaches the output layer."""
        inputs, targets = torch.from_numpy(batch.inputs), torch.from_numpy(batch.targets)
        mask = (inputs != model.config.pad_token_id).long()
        given = functional.pad(targets.clamp_min(0)[:, :-1], (1, 0), value=model.config.decoder_start_token_id)
        read = model.encoder(input_ids=inputs, attention_mask=mask).last_hidden_state
        hidden = model.decoder(
            input_ids=given, encoder_hidden_states=read, encoder_attention_mask=mask, use_cache=False
        ).last_hidden_state
        real = targets != NOT_LEARNT
        scores = functional.linear(hidden[real] * model.config.d_model**-0.5, model.shared.weight)
        return functional.cross_entropy(scores, targets[real], reduction="none"), targets[real]

    def loss(self, model: T5ForConditionalGeneration, batch: Batch) -> Tensor:
        """What a step makes smaller."""
        return self.token_losses(model, batch)[0].mean()

    def publishable(self, model: T5ForConditionalGeneration) -> PreTrainedModel:
        """A plain copy with its generation defaults."""
        plain = T5ForConditionalGeneration(model.config)
        plain.load_state_dict(model.state_dict())
        plain.generation_config = GenerationConfig(
            pad_token_id=model.config.pad_token_id,
            eos_token_id=model.config.eos_token_id,
            decoder_start_token_id=model.config.decoder_start_token_id,
            max_new_tokens=64,
        )
        return plain

    def dress(self, tokenizer: PreTrainedTokenizerFast) -> None:
        """The tokenizer's plain roles are those of this base."""


class SmallSeq2Seq(Seq2Seq):
    """`seedling-t5-small`: 1.3 million parameters."""

    width, blocks, feed_forward = 96, 2, 256


class LargeSeq2Seq(Seq2Seq):
    """`seedling-t5-large`: 14 million parameters; not shipped, the recipe makes it."""

    width, blocks, feed_forward = 256, 5, 1024


def _framed(rows: Sequence[Example]) -> Batch:
    return Batch(padded([given for given, _ in rows]), padded([wanted for _, wanted in rows], NOT_LEARNT))


def hide_spans(tokens: Sequence[int], rng: random.Random) -> Example:
    """T5's span corruption: runs of tokens give way to sentinels; the target is the runs."""
    count = max(1, min(SENTINEL_COUNT, round(len(tokens) * HIDDEN_SHARE / HIDDEN_SPAN)))
    block = len(tokens) / count
    given: list[int] = []
    hidden: list[int] = []
    at = 0
    for number in range(count):
        span = min(rng.randint(1, 2 * HIDDEN_SPAN - 1), max(1, int(block) - 1))
        start = int(number * block) + rng.randint(0, max(0, int(block) - span - 1))
        sentinel = FIRST_SENTINEL + number
        given += [*tokens[at:start], sentinel]
        hidden += [sentinel, *tokens[start : start + span]]
        at = start + span
    return [*given, *tokens[at:], END], [*hidden, END]
