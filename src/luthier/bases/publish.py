"""Write a trained base as an ordinary transformers folder.

    python -m luthier.bases.publish RUN_FOLDER seedling-lm

puts the latest checkpoint of a run, finished or not, beside this module; a third word names another folder.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from tokenizers import Tokenizer
from tokenizers.processors import TemplateProcessing
from torch import nn
from transformers import PreTrainedTokenizerFast

from . import checkpoint
from .card import card
from .recipes import RECIPES, Recipe
from .tokenizer import SPECIALS


def publish(recipe: Recipe, model: nn.Module, words: Tokenizer, folder: Path) -> None:
    """Save weights in bfloat16, configuration, generation defaults and tokenizer."""
    folder.mkdir(parents=True, exist_ok=True)
    recipe.publishable(model).to(torch.bfloat16).save_pretrained(folder)
    (folder / "model.safetensors").chmod(0o644)  # the library writes it for its owner alone
    publish_tokenizer(recipe, words, folder)


def publish_tokenizer(recipe: Recipe, words: Tokenizer, folder: Path) -> None:
    """Save the shared tokenizer with the roles of its special tokens, and what the base's kind puts around a text."""
    framed = Tokenizer.from_str(words.to_str())
    single, pair = recipe.frame or ("$A", "$A $B")
    used = [(one, SPECIALS.index(one)) for one in SPECIALS if one in pair.split()]
    framed.post_processor = TemplateProcessing(single=single, pair=pair, special_tokens=used)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=framed,
        pad_token="<pad>",
        eos_token="</s>",
        bos_token="<s>",
        mask_token="<mask>",
        cls_token="<cls>",
        sep_token="<sep>",
        extra_special_tokens=list(SPECIALS[6:]),
        model_max_length=recipe.longest,
        clean_up_tokenization_spaces=False,
        model_input_names=["input_ids", "attention_mask"],
    )
    recipe.dress(fast)
    fast.save_pretrained(folder)
    framed.save(str(folder / "tokenizer.json"))


def main(given: list[str] | None = None) -> None:
    """Publish the latest checkpoint of a run, with its card."""
    words_given = sys.argv[1:] if given is None else given
    if len(words_given) not in (2, 3) or words_given[1] not in RECIPES:
        raise SystemExit(f"usage: python -m luthier.bases.publish RUN_FOLDER {'|'.join(RECIPES)} [FOLDER]")
    run, name = Path(words_given[0]), words_given[1]
    folder = Path(words_given[2]) if len(words_given) == 3 else Path(__file__).resolve().parent / name
    words = Tokenizer.from_file(str(run / "tokenizer.json"))
    recipe = RECIPES[name](words)
    model = recipe.fresh(0)
    if checkpoint.resume(run / "checkpoint", model, []).step == 0:
        raise SystemExit(f"{run} holds no checkpoint")
    publish(recipe, model, words, folder)
    rows = map(json.loads, (run / "curve.jsonl").read_text(encoding="utf-8").splitlines())
    measured = [row for row in rows if "en" in row][-1]
    parameters = sum(weight.numel() for weight in recipe.publishable(model).parameters())
    (folder / "README.md").write_text(card(recipe, name, folder, measured, parameters), encoding="utf-8")
    print(json.dumps({"folder": str(folder), **measured}))


if __name__ == "__main__":
    main()
