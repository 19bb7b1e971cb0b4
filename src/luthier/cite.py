"""BibTeX of exactly what was used, read from the cards: the docstrings name their sources, there is no list."""

from __future__ import annotations

import re
from collections.abc import Iterable

SOURCE = re.compile(
    r'(?P<who>[A-Z][\w\-]+(?: (?:et al\.|(?:and|&) [A-Z][\w\-]+))?) (?P<year>(?:19|20)\d\d),\s+"(?P<title>[^"]+)"'
    r"(?:,\s+(?P<where>arXiv:\d{4}\.\d{4,5}|ACL [A-Z]\d\d-\d{4}))?"
)


def bibtex(things: Iterable[type]) -> str:
    """One entry per source named in the things' docstrings, each once, in order of appearance."""
    entries: dict[str, str] = {}
    for thing in things:
        card = re.sub(r"\s+", " ", thing.__doc__ or "")
        for found in SOURCE.finditer(card):
            entries.setdefault(found["title"], _entry(found))
    return "\n\n".join(entries.values())


def _entry(found: re.Match[str]) -> str:
    who = found["who"].replace(" et al.", " and others").replace(" & ", " and ")
    title_word = re.sub(r"\W", "", found["title"].split()[0]).lower()
    key = f"{who.split()[0].lower()}{found['year']}{title_word}"
    lines = [f"  author = {{{who}}}", f"  title = {{{found['title']}}}", f"  year = {{{found['year']}}}"]
    if found["where"] and found["where"].startswith("arXiv:"):
        lines += [f"  eprint = {{{found['where'][6:]}}}", "  archivePrefix = {arXiv}"]
    elif found["where"]:
        lines.append(f"  note = {{{found['where']}}}")
    return f"@misc{{{key},\n" + ",\n".join(lines) + "\n}"
