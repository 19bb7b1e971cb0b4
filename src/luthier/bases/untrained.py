"""A base's shape with random weights, to see what its pretraining is worth.

    python -m luthier.bases.untrained seedling-bert OUT_FOLDER

The first word is a built-in base or any folder in the transformers layout; seed 0.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import torch
import transformers

from . import folder, names


def untrained(pretrained: Path, out: Path, seed: int = 0) -> None:
    """Write into `out` what lies in `pretrained`, with the weights that its architecture starts from."""
    shutil.copytree(pretrained, out, ignore=shutil.ignore_patterns("*.safetensors*", "README.md"))
    config = transformers.AutoConfig.from_pretrained(pretrained, local_files_only=True)
    torch.manual_seed(seed)
    getattr(transformers, config.architectures[0])(config).save_pretrained(out)


def main(given: list[str] | None = None) -> None:
    words = sys.argv[1:] if given is None else given
    if len(words) != 2:
        raise SystemExit("usage: python -m luthier.bases.untrained BASE_OR_FOLDER OUT_FOLDER")
    untrained(folder(words[0]) if words[0] in names() else Path(words[0]), Path(words[1]))


if __name__ == "__main__":
    main()
