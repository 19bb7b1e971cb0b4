"""The folder that the studio works in: its studies, and the data sets that were dropped into the page.

    runs/<study>/…          as `luthier compare` leaves them
    runs/data/<name>/…      the files of a data set

Names come from a browser, so a name is only ever looked up among what is there, never put together to a path.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .. import files
from ..data import BUILT_IN
from ..data.formats import FORMATS, accepted, kind_of
from ..errors import DataError, UserError

DATA = "data"
LONGEST = 60
MOST_NUMBERS = 10_000


@dataclass(frozen=True)
class Place:
    """A folder of studies."""

    root: Path

    # -- studies ------------------------------------------------------------------------------------------------------

    def studies(self) -> dict[str, Path]:
        """Name (its path below the root) -> folder, the newest first."""
        found = {}
        for path in self.root.glob("**/study.json"):
            folder = path.parent
            if folder != self.root and self.inside(path):
                found[folder.relative_to(self.root).as_posix()] = folder
        for path in self.root.glob("*/studio/job.json"):  # begun, and nothing of it written yet
            found.setdefault(path.parent.parent.name, path.parent.parent)
        return dict(sorted(found.items(), key=lambda item: -_changed(item[1])))

    def study(self, name: str | None) -> Path:
        """
        Raises:
            UserError: there is no such study.
        """
        known = self.studies()
        if name not in known:
            raise UserError(f"There is no study {name!r} here.", ", ".join([*known][:8]) or "none yet", "choose one")
        return known[name]

    def trials(self, name: str | None) -> dict[str, Path]:
        """The finished trials of a study in its order: id -> folder."""
        folder = self.study(name)
        path = folder / "study.json"
        named = files.read_json(path)["trials"] if path.exists() else []
        found = {p.parent.name: p.parent for p in folder.glob(f"*/{files.MANIFEST}") if self.inside(p)}
        return {trial: found[trial] for trial in named if trial in found and (found[trial] / "trial.json").is_file()}

    def trial(self, study: str | None, name: str | None) -> Path:
        """
        Raises:
            UserError: no such study, or no such finished trial in it.
        """
        known = self.trials(study)
        if name not in known:
            raise UserError(f"{study} has no finished trial {name!r}.", ", ".join(known) or "none yet", "choose one")
        return known[name]

    def free(self, wished: str) -> Path:
        """A folder that is not there yet, named after what was wished."""
        name = slug(wished) or "study"
        name = f"{name}-study" if name == DATA else name
        folders = (self.root / numbered for numbered in _numbered(name))
        return next(folder for folder in folders if not folder.exists())

    # -- data ---------------------------------------------------------------------------------------------------------

    def data(self) -> dict[str, str]:
        """Name -> what `luthier compare` is given as DATA: built-in sets first, then what was dropped here."""
        own = sorted(p for p in self.root.glob(f"{DATA}/*/") if p.is_dir() and self.inside(p))
        return {**{name: name for name in BUILT_IN}, **{f"{DATA}/{p.name}": str(p) for p in own}}

    def source(self, name: str | None) -> str:
        """
        Raises:
            DataError: there is no such data set.
        """
        known = self.data()
        if name not in known:
            raise DataError(f"There is no data set {name!r} here.", ", ".join(known), "choose one, or drop a file")
        return known[name]

    def keep(self, uploads: Sequence[Path]) -> str:
        """Copy dropped files into a data set of their own; returns its name.

        Raises:
            DataError: no file, or one of no known format.
        """
        if not uploads:
            raise DataError(f"{len(uploads)} files were dropped.", accepted(), "drop one file, or one for each split")
        for path in uploads:
            if kind_of(path) not in FORMATS:
                raise DataError(f"{path.name} has no known format.", accepted(), "convert it, or unpack the archive")
        folder = self.free_data(uploads[0].name.split(".")[0])
        for name, path in zip(_file_names(uploads), uploads, strict=True):
            files.write_bytes(folder / name, path.read_bytes())
        return f"{DATA}/{folder.name}"

    def free_data(self, wished: str) -> Path:
        """A folder for a data set that is not there yet."""
        return Place(self.root / DATA).free(wished)

    def inside(self, path: Path) -> bool:
        """False for a link that leads out of the folder."""
        return path.resolve().is_relative_to(self.root.resolve())


def slug(text: str) -> str:
    """A text as the name of a file: letters of any script, digits, `.`, `-` and `_`, never leading with a dot."""
    plain = unicodedata.normalize("NFKC", text)
    return re.sub(r"[^\w.-]+", "-", plain)[:LONGEST].strip("-._")


def _numbered(stem: str, ending: str = "") -> Iterator[str]:
    """`a.csv`, `a-2.csv`, `a-3.csv`, …"""
    return (f"{stem}{ending}" if n == 1 else f"{stem}-{n}{ending}" for n in range(1, MOST_NUMBERS))


def _file_names(paths: Sequence[Path]) -> list[str]:
    """A name for each, numbered where two come out alike (`a b.csv`, `a-b.csv`), so that none replaces another.

    Names that differ in case alone are alike: some disks hold them as one.
    """
    chosen: dict[str, str] = {}
    for path in paths:
        name = next(name for name in _numbered(*_harmless(path)) if name.casefold() not in chosen)
        chosen[name.casefold()] = name
    return list(chosen.values())


def _harmless(path: Path) -> tuple[str, str]:
    """Stem and ending of its own name, made harmless; `study.json` would look like a study."""
    endings = "".join(path.suffixes[-2:]) if path.suffix == ".gz" else path.suffix
    stem = slug(path.name.removesuffix(endings)) or "rows"
    return "rows" if stem == "study" else stem, endings.lower()


def _changed(folder: Path) -> float:
    path = folder / "study.json"
    return (path if path.exists() else folder).stat().st_mtime
