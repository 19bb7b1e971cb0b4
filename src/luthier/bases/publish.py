"""Write a trained base as an ordinary transformers folder.

    python -m luthier.bases.publish RUN_FOLDER MODEL_FOLDER

publishes the latest checkpoint of a run, finished or not.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import GenerationConfig, PreTrainedTokenizerFast, T5ForConditionalGeneration

from . import checkpoint
from .shape import fresh_model
from .tokenizer import MODEL_MAX_LENGTH, SPECIALS


def publish(model: T5ForConditionalGeneration, words: Tokenizer, folder: Path) -> None:
    """Save weights in bfloat16, configuration, generation defaults and tokenizer."""
    folder.mkdir(parents=True, exist_ok=True)
    half = T5ForConditionalGeneration(model.config)
    half.load_state_dict(model.state_dict())
    half = half.to(torch.bfloat16)
    half.generation_config = GenerationConfig(
        pad_token_id=model.config.pad_token_id,
        eos_token_id=model.config.eos_token_id,
        decoder_start_token_id=model.config.decoder_start_token_id,
        max_new_tokens=64,
    )
    half.save_pretrained(folder)
    publish_tokenizer(words, folder)


def publish_tokenizer(words: Tokenizer, folder: Path) -> None:
    """Save the tokenizer with the roles of its special tokens."""
    fast = PreTrainedTokenizerFast(
        tokenizer_object=words,
        pad_token="<pad>",
        eos_token="</s>",
        bos_token="<s>",
        mask_token="<mask>",
        cls_token="<cls>",
        sep_token="<sep>",
        extra_special_tokens=list(SPECIALS[6:]),
        model_max_length=MODEL_MAX_LENGTH,
        clean_up_tokenization_spaces=False,
        model_input_names=["input_ids", "attention_mask"],
    )
    fast.save_pretrained(folder)
    words.save(str(folder / "tokenizer.json"))


def main(given: list[str] | None = None) -> None:
    """Publish the latest checkpoint of a run folder."""
    places = sys.argv[1:] if given is None else given
    if len(places) != 2:
        raise SystemExit("usage: python -m luthier.bases.publish RUN_FOLDER MODEL_FOLDER")
    run, folder = map(Path, places)
    model = fresh_model(0)
    progress = checkpoint.resume(run / "checkpoint", model, [])
    words = Tokenizer.from_file(str(run / "tokenizer.json"))
    publish(model, words, folder)
    print(json.dumps(vars(progress)))


if __name__ == "__main__":
    main()
