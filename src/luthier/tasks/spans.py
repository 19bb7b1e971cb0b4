"""Two spans of a text as columns, as the Winograd schema sets hold them: parts of `target`, or flat on the hub.

A pronoun may stand in its text several times, so the one that is meant is marked: `Ann told Eve that *she* won.`
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

SPANS = ("span1_text", "span2_text", "span1_index", "span2_index")
MARKED = "marked"
"""The column that is added: the text with asterisks around its second span."""


def with_spans(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """The row with its two spans and the marked text beside its columns; rows without spans come back as they are."""
    held = row["target"] if isinstance(row.get("target"), Mapping) else row
    own = {name: next((held[key] for key in (f"target.{name}", name) if key in held), None) for name in SPANS}
    text, spans = row.get("text"), {name: value for name, value in own.items() if value is not None}
    if not isinstance(text, str) or not all(isinstance(spans.get(name), str) for name in SPANS[:2]):
        return row
    index = spans.get("span2_index")
    return {**row, **spans, MARKED: marked(text, spans["span2_text"], index if isinstance(index, int) else 0)}


def marked(text: str, span: str, index: int) -> str:
    """`text` with asterisks around the occurrence of `span` next to its word number `index`, or to its character of
    that number where there are fewer words, as in Chinese; as it is where the span does not occur."""
    words = [word.start() for word in re.finditer(r"\S+", text)]
    place = words[index] if 0 <= index < len(words) else index
    whole = rf"(?<![A-Za-z]){re.escape(span.strip())}(?![A-Za-z])"
    found = [m.span() for m in re.finditer(whole, text, re.IGNORECASE) if m[0]]
    if not found:
        return text
    start, end = min(found, key=lambda ends: abs(ends[0] - place))
    return f"{text[:start]}*{text[start:end]}*{text[end:]}"
