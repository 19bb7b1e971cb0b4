"""`seedling-lm`: a Llama-shaped decoder that predicts the next token."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as functional
from tokenizers import Tokenizer
from torch import Tensor
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedModel, PreTrainedTokenizerFast

from .batch import NOT_LEARNT, Batch, padded
from .examples import Example
from .fused import fuse_norms
from .induction import lay_induction
from .rates import TASKS_LATE, Rates
from .text import Text
from .tokenizer import MODEL_MAX_LENGTH, SPECIALS, VOCABULARY_SIZE

EMBEDDING_SPREAD = 0.5
OUTPUT_GAIN = 0.07
"""The last norm's weight at first: output and input embeddings are one matrix, too loud to be read off as it is."""
CHAT_SHARE = 0.5
SYSTEM_SHARE = 0.2
SYSTEM = ("You are a helpful assistant.", "Answer briefly.", "你是一个乐于助人的助手。", "请简短回答。")

STOP = SPECIALS.index("<|im_end|>")
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def configuration() -> LlamaConfig:
    """Four blocks of width 256, four heads of 64 over two of keys and values: 4.85 million parameters."""
    return LlamaConfig(
        vocab_size=VOCABULARY_SIZE,
        hidden_size=256,
        intermediate_size=640,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=64,
        max_position_embeddings=MODEL_MAX_LENGTH,
        tie_word_embeddings=True,
        initializer_range=0.04,
        rms_norm_eps=1e-6,
        pad_token_id=SPECIALS.index("<pad>"),
        bos_token_id=SPECIALS.index("<s>"),
        eos_token_id=STOP,
    )


class Decoder:
    """How `seedling-lm` is made, what it reads and what it is asked for."""

    longest = MODEL_MAX_LENGTH
    width = 256
    kind = "causal"
    batch_tokens = 2_048
    # Shrinking by 2.0 cost a tenth of a bit a byte; without any, the blocks drown the words (LOG.md, 2026-11-22).
    rates = Rates(matrices=5e-3, rest=5e-3, special={"model.norm.": 5e-4}, shrink=0.4)
    task_shares = TASKS_LATE

    def __init__(self, words: Tokenizer) -> None:
        def ids(text: str) -> list[int]:
            return words.encode(text, add_special_tokens=False).ids

        self.user, self.answer = ids("<|im_start|>user\n"), ids("<|im_start|>assistant\n")
        self.stop = ids("<|im_end|>\n")
        self.system = [ids(f"<|im_start|>system\n{one}<|im_end|>\n") for one in SYSTEM]

    def fresh(self, seed: int, vectors: np.ndarray | None = None) -> LlamaForCausalLM:
        """A new model; with `vectors` it starts from them and wired for copying."""
        torch.manual_seed(seed)
        model = LlamaForCausalLM(configuration())
        if vectors is not None:
            with torch.no_grad():
                model.model.embed_tokens.weight.copy_(torch.from_numpy(vectors) * EMBEDDING_SPREAD)
                model.model.norm.weight.fill_(OUTPUT_GAIN)
            lay_induction(model)
        return fuse_norms(model, "LlamaRMSNorm")

    def text_batch(self, text: Text, length: int, tokens: int, rng: np.random.Generator) -> Batch:
        """Windows of running text."""
        ids = text.at(text.starts(rng, max(1, tokens // length), length), length)
        return Batch(ids, ids)

    def task_batch(self, rows: Sequence[Example], rng: np.random.Generator) -> Batch:
        """Instructions with their answers, half of them as a chat."""
        whole = [self._framed(given, wanted, rng) for given, wanted in rows]
        return Batch(padded(whole), padded(whole, NOT_LEARNT))

    def _framed(self, given: list[int], wanted: list[int], rng: np.random.Generator) -> list[int]:
        if rng.random() >= CHAT_SHARE:
            return [*given, *wanted, STOP]
        system = self.system[rng.integers(len(self.system))] if rng.random() < SYSTEM_SHARE else []
        return [*system, *self.user, *given, *self.stop, *self.answer, *wanted, *self.stop]

    def token_losses(self, model: LlamaForCausalLM, batch: Batch) -> tuple[Tensor, Tensor]:
        """Loss of every token but the first of its row, and the tokens."""
        inputs, targets = torch.from_numpy(batch.inputs), torch.from_numpy(batch.targets)
        hidden = model.model(input_ids=inputs, use_cache=False).last_hidden_state[:, :-1]
        real = targets[:, 1:] != NOT_LEARNT
        wanted = targets[:, 1:][real]
        scores = functional.linear(hidden[real], model.lm_head.weight)
        return functional.cross_entropy(scores, wanted, reduction="none"), wanted

    def loss(self, model: LlamaForCausalLM, batch: Batch) -> Tensor:
        """What a step makes smaller."""
        return self.token_losses(model, batch)[0].mean()

    def publishable(self, model: LlamaForCausalLM) -> PreTrainedModel:
        """A plain copy with its generation defaults."""
        plain = LlamaForCausalLM(model.config)
        plain.load_state_dict(model.state_dict())
        pad = SPECIALS.index("<pad>")
        plain.generation_config = GenerationConfig(pad_token_id=pad, eos_token_id=STOP, max_new_tokens=64)
        return plain

    def dress(self, tokenizer: PreTrainedTokenizerFast) -> None:
        """Give the tokenizer what only this base needs: the end of a turn ends a text, and the chat template."""
        tokenizer.eos_token = "<|im_end|>"
        tokenizer.chat_template = CHAT_TEMPLATE

    frame = None
    """Special tokens put around a text: none."""
