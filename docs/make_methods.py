"""Write docs/methods.md from the cards: the docstrings of methods, tasks and metrics. A test says when it is stale."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from luthier import files
from luthier.methods import METHODS
from luthier.metrics import METRICS
from luthier.spell import spell
from luthier.tasks import TASKS

PAGE = Path(__file__).with_name("methods.md")
LABELS = ("Example", "Formula", "Source", "Trained", "Range", "Right", "Wins", "Misleads", "Limits", "Defaults")
HEAD = """# Cards

Written by `python docs/make_methods.py` from the docstrings; edit those. A method's card says in this order: formula ·
source · what is trained and how many · when it wins and fails · where the defaults come from.
"""


def page() -> str:
    """The whole page."""
    parts = [HEAD, "## Methods\n", *cards(METHODS), "## Tasks\n", *cards(TASKS), "## Metrics\n", *cards(METRICS)]
    return "\n".join(parts)


def cards(shelf: Mapping[str, type]) -> list[str]:
    """Our own cards; the ones that other packages put on the shelf depend on the machine."""
    return [card(word, cls) for word, cls in shelf.items() if cls.__module__.startswith("luthier.")]


def card(word: str, cls: type) -> str:
    """One card: its name with the settings that are always shown, the first line, one list item per part."""
    first, _, rest = inspect.cleandoc(cls.__doc__ or "").partition("\n")
    title = spell(cls()) if hasattr(cls, "__dataclass_fields__") and word != "peft" else word
    items = re.sub(rf"^({'|'.join(LABELS)})\b", r"- **\1**", rest.strip(), flags=re.MULTILINE)
    lines = [line if line.startswith("- ") else f"  {line.strip()}" for line in items.splitlines() if line.strip()]
    return "\n".join([f"### `{title}`\n", f"{first}\n", *lines, ""])


if __name__ == "__main__":
    files.write_text(PAGE, page())
    sys.stdout.write(f"{PAGE}\n")
