"""Read the pretraining text and keep a fixed share of it unseen.

A document is held out by a hash of its text, so that the same documents stay
unseen in every run, whatever the order of the shards or the seed.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HELD_OUT_ONE_IN = 200
"""One document in this many is never trained on; it measures the base."""

SKIPPED_SOURCES = ("NiuTrans/",)
"""Sources left out because their translators are unnamed, which makes the
licence of text derived from them uncertain."""


@dataclass(frozen=True)
class Document:
    """One text of the corpus with what is known of its origin."""

    text: str
    lang: str
    kind: str
    source: str


def shards(folder: Path) -> list[Path]:
    """The gzip'd JSON-lines files of a corpus folder, in a stable order."""
    found = sorted(folder.glob("*.jsonl.gz"))
    if not found:
        raise SystemExit(f"no *.jsonl.gz file in {folder}")
    return found


def read_documents(folder: Path) -> Iterator[Document]:
    """Every usable document of the folder, shard by shard."""
    for shard in shards(folder):
        with gzip.open(shard, "rt", encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                if not row["source"].startswith(SKIPPED_SOURCES):
                    yield Document(row["text"], row["lang"], row["kind"], row["source"])


def is_held_out(text: str) -> bool:
    """Whether a document belongs to the unseen share."""
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return int.from_bytes(digest[:8], "big") % HELD_OUT_ONE_IN == 0


def split_documents(folder: Path) -> tuple[list[Document], list[Document]]:
    """The documents to learn from and the documents to measure with."""
    seen: list[Document] = []
    unseen: list[Document] = []
    for document in read_documents(folder):
        (unseen if is_held_out(document.text) else seen).append(document)
    return seen, unseen
