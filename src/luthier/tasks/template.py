"""Prompt templates: `{column}` is replaced, `{column?}` may be empty, `{{` and `}}` are braces.

A paragraph (text between blank lines) whose columns are all optional and all empty is left out, so that
`{context?}\\n\\nQuestion: {question}` has no hole where a row has no context. What a row holds is never read as
template again, and nothing of a template is ever evaluated.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from ..errors import SpellingError

SLOT = "[MASK]"
"""Where a label's word belongs: as many masks as the longest one has pieces. At the end where a prompt has none."""

PIECE = re.compile(r"\{\{|\}\}|\{([^{}]+)\}|[{}]")

Piece = tuple[str, str]
"""(`text`, what stands there) or (`column` or `optional`, its name)."""


def columns_of(template: str) -> tuple[str, ...]:
    """The columns a template names, in order, each once."""
    pieces = (piece for paragraph in _paragraphs(template) for piece in paragraph)
    return tuple(dict.fromkeys(name for kind, name in pieces if kind != "text"))


def required_columns(template: str) -> tuple[str, ...]:
    """Those of `columns_of` that stand without a question mark somewhere."""
    pieces = (piece for paragraph in _paragraphs(template) for piece in paragraph)
    return tuple(dict.fromkeys(name for kind, name in pieces if kind == "column"))


def fill(template: str, fields: Mapping[str, str]) -> str:
    """The template with the columns of one row; `fields` must hold all of `columns_of(template)`."""
    shown = []
    for paragraph in _paragraphs(template):
        names = [name for kind, name in paragraph if kind == "optional"]
        required = any(kind == "column" for kind, _ in paragraph)
        if names and not required and not any(fields[name].strip() for name in names):
            continue
        shown.append("".join(text if kind == "text" else fields[text] for kind, text in paragraph))
    return "\n\n".join(shown)


def preceded(template: str, text: str) -> str:
    """The template with a fixed text before it, in a paragraph of its own where the first one may be left out."""
    first = _paragraphs(template)[0]
    may_go = any(kind == "optional" for kind, _ in first) and not any(kind == "column" for kind, _ in first)
    return text.replace("{", "{{").replace("}", "}}") + ("\n\n" if may_go else "") + template


@lru_cache(maxsize=64)
def _paragraphs(template: str) -> tuple[tuple[Piece, ...], ...]:
    return tuple(tuple(_pieces(paragraph, template)) for paragraph in template.split("\n\n"))


def _pieces(paragraph: str, template: str) -> list[Piece]:
    pieces: list[Piece] = []
    done = 0
    for match in PIECE.finditer(paragraph):
        pieces.append(("text", paragraph[done : match.start()]))
        done = match.end()
        name = match[1]
        if match[0] in ("{{", "}}"):
            pieces.append(("text", match[0][0]))
        elif name is None:
            raise SpellingError(
                f"The prompt {template!r} has a single {match[0]}.",
                "{column}, {column?}, {{ and }}",
                f"write {match[0] * 2} for a brace",
            )
        else:
            pieces.append(("optional", name[:-1]) if name.endswith("?") else ("column", name))
    pieces.append(("text", paragraph[done:]))
    return [piece for piece in pieces if piece != ("text", "")]
