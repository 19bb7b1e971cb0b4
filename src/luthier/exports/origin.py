"""Where a backbone's own files come from, and what another program may call it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import bases, files
from ..backbone import Backbone
from ..errors import UserError

WORDS = (
    *("tokenizer.json", "special_tokens_map.json", "added_tokens.json", "vocab.txt", "vocab.json", "merges.txt"),
    *("spiece.model", "tokenizer.model", "sentencepiece.bpe.model", "chat_template.jinja", "chat_template.json"),
)
"""A tokenizer's files, its config apart."""
NOT_COPIED = ("README.md", "generation_config.json")
"""Files of a backbone's folder that a copy in an export does not need: the export says these things itself."""


@dataclass(frozen=True)
class Origin:
    """A backbone's source.

    Attributes:
        name: what people call it; of a folder only its last part, because an export is shown to others.
        folder: where its files lie on this machine.
        id: its id on the hub, None for a folder or a built-in one.
        revision: the commit on the hub.
    """

    name: str
    folder: Path
    id: str | None
    revision: str | None
    built_in: bool

    @property
    def license(self) -> str | None:
        """As the backbone's own card says, or None."""
        card = self.folder / "README.md"
        text = card.read_text(encoding="utf-8", errors="replace") if card.exists() else ""
        if not text.startswith("---"):
            return None
        front = text.split("---", 2)[1].splitlines()
        found = next((line.split(":", 1)[1].strip() for line in front if line.startswith("license:")), "")
        return found.strip("'\"") or None

    def copy_tokenizer(self, folder: Path, backbone: Backbone) -> None:
        """The tokenizer with what other programs would have to guess: its class, its padding, its two inputs."""
        for name in WORDS:
            if (self.folder / name).exists():
                files.write_bytes(folder / name, (self.folder / name).read_bytes())
        if backbone.taught:
            files.write_text(folder / "tokenizer.json", backbone.tokenizer.backend_tokenizer.to_str())
        path = self.folder / "tokenizer_config.json"
        config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        words = backbone.tokenizer
        config.setdefault("tokenizer_class", type(words).__name__)
        config["pad_token"] = words.pad_token
        # Trials feed ids and mask alone; a tokenizer that also told sentence A from B would change the numbers.
        config["model_input_names"] = ["input_ids", "attention_mask"]
        files.write_json(folder / "tokenizer_config.json", config)

    def copy_model(self, folder: Path) -> None:
        """The whole backbone, weights in safetensors only."""
        for path in sorted(self.folder.iterdir()):
            if path.suffix in (".json", ".safetensors", ".txt", ".model", ".jinja") and path.name not in NOT_COPIED:
                files.write_bytes(folder / path.name, path.read_bytes())


def origin_of(backbone: Backbone) -> Origin:
    """The source of an opened backbone.

    Raises:
        UserError: it has no files on this machine.
    """
    folder = Path(backbone.path)
    if folder.is_dir():
        built_in = folder.parent == bases.PLACE
        return Origin(folder.name if built_in else folder.resolve().name, folder, None, None, built_in)
    from transformers.utils import cached_file

    found = cached_file(
        backbone.path, "config.json", local_files_only=True, _raise_exceptions_for_missing_entries=False
    )
    if found is None:
        raise UserError(
            f"The files of {backbone.path} are not on this machine.", "a backbone that was loaded here", "load it again"
        )
    snapshot = Path(found).parent  # …/snapshots/<commit>
    return Origin(backbone.path, snapshot, backbone.path, snapshot.name, False)
