"""The one tokenizer that the seedling bases share: Chinese and English, 8192 pieces.

Two ways to reach full coverage are written here so that they can be compared on
unseen text: merges over characters with a fallback to bytes, and merges over bytes.
`measure` gives their tokens per character.

The text is first cut so that no piece can join two different things: every digit
and every newline stands alone, Chinese characters only join Chinese characters,
a run of one punctuation mark joins only itself, and a word takes at most the one
space before it. Nothing is normalised, so decoding gives back the exact text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from tokenizers.processors import TemplateProcessing

VOCABULARY_SIZE = 8192
SENTINEL_COUNT = 32
SPARE_COUNT = 24
MODEL_MAX_LENGTH = 1024

NAMED_SPECIALS = (
    "<pad>",
    "</s>",
    "<s>",
    "<mask>",
    "<cls>",
    "<sep>",
    "<|im_start|>",
    "<|im_end|>",
)
SPECIALS = (
    NAMED_SPECIALS
    + tuple(f"<extra_id_{i}>" for i in range(SENTINEL_COUNT))
    + tuple(f"<spare_{i}>" for i in range(SPARE_COUNT))
)
FIRST_SENTINEL = len(NAMED_SPECIALS)

CUTS = "|".join(
    (
        r"\p{N}",
        r"\n",
        r"'(?:s|t|re|ve|m|ll|d)(?!\p{L})",
        r"\p{Han}+",
        r" ?(?:(?!\p{Han})[\p{L}\p{M}])+",
        r" ?([^\s\p{L}\p{M}\p{N}])\1*",
        r"[^\S\n]+(?!\S)",
        r"[^\S\n]",
    )
)
"""The pieces that merges may not cross, in order of preference."""


def train(texts: Iterable[str], over: str = "bytes", characters: int = 4000) -> Tokenizer:
    """Learn a tokenizer; `over` is "bytes" or "characters" (with byte fallback)."""
    if over == "bytes":
        tokenizer = _learn_over_bytes(texts)
    elif over == "characters":
        tokenizer = _learn_over_characters(texts, characters)
    else:
        raise SystemExit(f"merges are learnt over bytes or characters, not over {over!r}")
    tokenizer.post_processor = TemplateProcessing(
        single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", SPECIALS.index("</s>"))]
    )
    return tokenizer


def _special_tokens() -> list[AddedToken]:
    return [AddedToken(text, special=True, normalized=False) for text in SPECIALS]


def _cutter() -> pre_tokenizers.PreTokenizer:
    return pre_tokenizers.Split(Regex(CUTS), behavior="isolated")


def _learn_over_bytes(texts: Iterable[str]) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [_cutter(), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY_SIZE,
        special_tokens=_special_tokens(),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def _learn_over_characters(texts: Iterable[str], characters: int) -> Tokenizer:
    """Merges over the commonest characters; the 256 byte pieces are put in afterwards.

    The trainer knows no byte pieces, so room for them is left and the learnt
    vocabulary is numbered anew behind them.
    """
    byte_pieces = [f"<0x{value:02X}>" for value in range(256)]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = _cutter()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY_SIZE - len(byte_pieces),
        special_tokens=_special_tokens(),
        limit_alphabet=characters,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    state = json.loads(tokenizer.to_str())
    learnt = sorted(state["model"]["vocab"], key=state["model"]["vocab"].get)[len(SPECIALS) :]
    pieces = list(SPECIALS) + byte_pieces + learnt
    state["model"]["vocab"] = {piece: number for number, piece in enumerate(pieces)}
    state["model"]["byte_fallback"] = True
    tokenizer = Tokenizer.from_str(json.dumps(state))
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    return tokenizer


def measure(tokenizer: Tokenizer, texts: Sequence[str]) -> float:
    """Tokens per character over the texts: the lower, the shorter the sequences."""
    encoded = tokenizer.encode_batch(list(texts), add_special_tokens=False)
    return sum(len(one.ids) for one in encoded) / sum(len(text) for text in texts)
