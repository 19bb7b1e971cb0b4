"""The report's pages: templates, their words in two languages, and the escaping that keeps data inert.

In `report.html` jinja2 escapes every value; a content security policy with the hash of our one script makes
anything that still looked like a script inert. In `report.md` every value goes through `plain`. Templates mark
the few values that are ours with `Markup`.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from jinja2 import ChainableUndefined, Environment, FileSystemLoader, Undefined
from markupsafe import Markup

from luthier import humane
from luthier.metrics import lower_is_better

from . import glyphs

FOLDER = Path(__file__).parent
LANGUAGES = ("en", "zh")


@functools.cache
def words() -> Mapping[str, tuple[str, str]]:
    """Key -> (English, 中文)."""
    pairs = yaml.safe_load((FOLDER / "words.yaml").read_text(encoding="utf-8"))
    return {key: (english, chinese) for key, (english, chinese) in pairs.items()}


def say(key: str, language: str = "en", **values: Any) -> str:
    """The phrase `key`; a list among the values becomes an enumeration."""
    return words()[key][LANGUAGES.index(language)].format(**{k: _listed(v, language, str) for k, v in values.items()})


def both(key: str, **values: Any) -> Markup:
    """The phrase in both languages for HTML, of which the page shows one; values are escaped, names set as code."""
    spans = [
        Markup('<span lang="{0}" class="{0}">{1}</span>').format(
            language, Markup(phrase).format(**{k: _listed(v, language, _code) for k, v in values.items()})
        )
        for language, phrase in zip(LANGUAGES, words()[key])
    ]
    return Markup("").join(spans)


def html(**facts: Any) -> str:
    """The whole page as one file."""
    style, script = ((FOLDER / name).read_text(encoding="utf-8") for name in ("report.css", "report.js"))
    seal = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    ours = {"style": Markup(style), "script": Markup(script), "seal": seal}
    environment = _environment(autoescape=True, finalize=lambda value: humane.ABSENT if _missing(value) else value)
    return environment.get_template("report.html").render(**ours, **facts)


def markdown(**facts: Any) -> str:
    """The same report without interaction."""
    text = _environment(finalize=plain).get_template("report.md").render(**facts)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def plain(value: Any) -> str:
    """Any value as Markdown text on one line, also inside a table: no markup, no HTML, no picture survives."""
    if _missing(value):
        return humane.ABSENT
    if isinstance(value, Markup):
        return str(value)
    return "<br>".join(_unmarked(line) for line in str(value).strip().splitlines())


def _unmarked(line: str) -> str:
    line = re.sub(r"&(?=\w+;|#)", "&amp;", line.strip())
    line = re.sub(r"<(?=[A-Za-z/!?])", "&lt;", line)
    line = re.sub(r"([\\`*|~$]|(?<!\w)_|_(?!\w)|\](?=[(\[]))", r"\\\1", line)
    # what would open a block at the start: quote, link's address, list, rule, heading
    line = re.sub(r"^(>|\[(?=.*\]:)|[-+=#](?=[-+=#]*(?:\s|$)))", r"\\\1", line)
    return re.sub(r"^(\d+)([.)])(?=\s|$)", r"\1\\\2", line)


def fenced(text: Any) -> Markup:
    """A code block whose fence is longer than any inside it."""
    longest = max((len(run) for run in re.findall(r"`+", str(text))), default=0)
    fence = "`" * max(3, longest + 1)
    return Markup(f"{fence}text\n{text}\n{fence}")


def _environment(**settings: Any) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER), undefined=ChainableUndefined, trim_blocks=True, lstrip_blocks=True, **settings
    )
    ours = {"both": both, "say": say, "humane": humane, "fenced": fenced, "badge": glyphs.badge}
    environment.globals.update(**ours, lower_is_better=lower_is_better)
    return environment


def _missing(value: Any) -> bool:
    return value is None or isinstance(value, Undefined)


def _code(name: Any) -> Markup:
    return Markup("<code>{}</code>").format(name)


def _listed(value: Any, language: str, show: Callable[[Any], str]) -> Any:
    """`a, b and c` or `a、b 和 c`; what is no list stays as it is, in HTML on one line where it is short. A mapping of
    languages gives its own words."""
    if isinstance(value, Mapping):
        return value[language]
    if isinstance(value, str) or not isinstance(value, Sequence):
        short = show is _code and len(str(value)) <= 20
        return Markup('<span class="whole">{}</span>').format(value) if short else value
    comma, last = {"en": (", ", " and "), "zh": ("、", " 和 ")}[language]
    first, *others = (show(v) for v in value)
    for place, name in enumerate(others, 1):
        first = first + (last if place == len(others) else comma) + name
    return first
