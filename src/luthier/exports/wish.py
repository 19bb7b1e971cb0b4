"""What is to be exported, and the one way to do it: check, write, prove, show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import files
from ..errors import Refused, SpellingError, UserError
from ..spell import closest
from . import adapter, contents, docker, merged, space
from .card import card
from .certificate import ROWS, certify
from .learned import Learned, learned_of
from .low_rank import as_lora
from .place import appearing, check_free

KINDS = ("adapter", "merged", "space", "docker")


@dataclass(frozen=True)
class Wish:
    """What a user asks for.

    Args:
        kind: one of `KINDS`.
        trial: a finished trial's folder.
        out: the folder to make.
        rank: of the low-rank form that an adapter is converted to; None leaves it as it is.
        license: SPDX id for the card; None takes the backbone's.
        rows: test rows of the certificate.
    """

    kind: str
    trial: Path
    out: Path
    rank: int | None = None
    license: str | None = None
    rows: int = ROWS


def export(wish: Wish) -> dict[str, Any]:
    """Make the folder; returns its certificate with the folder's name and bytes.

    Raises:
        UserError: nothing to export, or nowhere to put it; Refused: a method without such a form.
        ParityFailed: the folder computed something else and was not kept.
    """
    if wish.kind not in KINDS:
        raise SpellingError(f"There is no export {wish.kind!r}.", ", ".join(KINDS), closest(wish.kind, KINDS))
    if wish.rank is not None and wish.kind not in ("adapter", "space"):
        raise UserError(
            f"--as lora beside {wish.kind}.",
            "adapter --as lora, space --as lora",
            f"leave it out: {wish.kind} is exact",
        )
    if wish.rows < 1:
        raise UserError(f"--rows is {wish.rows}.", "1 or more", "16 is the default")
    check_free(wish.out)
    learned = learned_of(wish.trial)
    if wish.rank is not None:
        learned = as_lora(learned, wish.rank)
    with appearing(wish.out) as folder:
        certificate = _write(learned, folder, wish)
        files.write_json(folder / "certificate.json", certificate)
        files.seal(folder, {"exported": wish.kind, "trial": learned.run.folder.name})
    held = sum(p.stat().st_size for p in wish.out.rglob("*") if p.is_file())
    return {"folder": str(wish.out), "bytes": held} | certificate


def _write(learned: Learned, folder: Path, wish: Wish) -> Mapping[str, Any]:
    """Fill the folder and prove it; returns the certificate."""
    if wish.kind == "docker":
        return docker.write(learned, folder, wish.rows)
    contents.check_readable(learned)
    if wish.kind == "space":
        return space.write(learned, folder, wish.rows, wish.license)
    if learned.own_head:
        kind = learned.backbone.model.config.model_type
        raise Refused(
            f"The trained class head is none that transformers' classifier of architecture {kind} has.",
            "export space, whose program brings it; export docker, which serves it as it was trained",
            "luthier export space …",
        )
    if wish.kind == "adapter":
        adapter.write(learned, folder)
    else:
        merged.write(learned, folder)
    certificate = certify(learned, folder, wish.kind, wish.rows)
    files.write_text(folder / "README.md", card(learned, certificate, wish.license, adapter=wish.kind == "adapter"))
    return certificate
