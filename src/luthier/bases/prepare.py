"""What all bases share and is made once: tokenizer, encoded text, word vectors, numbered tasks."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from . import corpus, examples, text, tokenizer, vectors

WIDEST = 256
"""Directions that are kept of what neighbours tell; a narrower base takes the strongest."""
MADE = ("tokenizer.json", "unseen/ids.npy", "text/ids.npy", "directions.npy", "tasks/targets.npy")
SHIPPED = Path(__file__).resolve().parent / "seedling-t5" / "tokenizer.json"


def prepare(data: Path, folder: Path, tasks: int, seed: int) -> None:
    """Fill `folder` with whatever it lacks. The shipped tokenizer is used where there is one, else learnt again."""
    folder.mkdir(parents=True, exist_ok=True)
    if all((folder / name).exists() for name in MADE):
        return
    seen, unseen = corpus.split_documents(data)
    words = _tokenizer(folder / "tokenizer.json", seen)
    for name, documents in (("unseen", unseen), ("text", seen)):
        if not (folder / name / "ids.npy").exists():
            text.save_text(documents, words, folder / name)
    if not (folder / "directions.npy").exists():
        ids = np.asarray(text.Text(folder / "text").ids)
        np.save(folder / "directions.npy", vectors.directions(ids, words.get_vocab_size(), WIDEST))
    if not (folder / "tasks" / "targets.npy").exists():
        examples.save_examples(examples.make_examples(seen, words, tasks, seed), folder / "tasks")


def _tokenizer(place: Path, documents: list[corpus.Document]) -> Tokenizer:
    if not place.exists():
        if SHIPPED.exists():
            shutil.copyfile(SHIPPED, place)
        else:
            tokenizer.train(one.text for one in documents[::3]).save(str(place))
    return Tokenizer.from_file(str(place))
