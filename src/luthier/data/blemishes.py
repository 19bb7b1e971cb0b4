"""What is wrong inside a text, and the text without it: wrong decoding, control characters, HTML, stray spaces.

Each blemish has a kind (`encoding`, `html`, `whitespace`), a test and a mend. A mend that cannot be sure leaves the
text alone: a lost character (U+FFFD) stays and is only counted.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import dataclass

from .decode import EVERYDAY

WINDOWS = {bytes([b]).decode("cp1252", errors="ignore") or chr(b): b for b in range(0x80, 0x100)}
"""Character -> the byte it stands for when UTF-8 was read as cp1252; its five empty places as in Latin-1."""


def _characters(first: int, last: int) -> str:
    return "".join(re.escape(c) for c, b in WINDOWS.items() if first <= b <= last)


_NEXT = f"[{_characters(0x80, 0xBF)}]"
GARBLED = re.compile(
    f"(?:[{_characters(0xC2, 0xDF)}]{_NEXT}|[{_characters(0xE0, 0xEF)}]{_NEXT}{{2}}"
    f"|[{_characters(0xF0, 0xF4)}]{_NEXT}{{3}})+"
)
"""UTF-8 byte sequences, seen through cp1252."""

HAN_RUN = re.compile(r"[^\x00-\x7f]{4,}")
LOST_HAN = re.compile("锟斤拷|锟斤|烫烫烫|屯屯屯")
"""U+FFFD read as GBK, and memory that nobody filled: the characters are gone."""

UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b\u2028-\u202e\u2060\u2066-\u2069\ufeff\ufff9-\ufffb]")
"""Control characters, zero-width spaces, marks that turn the direction; the joiners of emoji and Persian are text."""

TAG = re.compile(
    r"<(/?)(p|br|div|span|a|b|i|u|em|strong|li|ul|ol|table|tbody|thead|tr|td|th|h[1-6]|img|script|style|font|sub|sup"
    r"|code|pre|hr|blockquote|html|head|body|center|small|input|iframe)(\s[^<>]{0,2000})?/?>",
    re.IGNORECASE,
)
ENTITY = re.compile(r"&(?:#\d{2,7}|#x[0-9a-f]{2,6}|amp|lt|gt|quot|apos|nbsp|[a-z]{3,8});", re.IGNORECASE)
LINES = ("p", "br", "div", "li", "tr", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote")
"""Tags that end a line."""

SPACES = re.compile(r"(?<=\S)[ \t\xa0\u2000-\u200a\u202f\u205f\u3000]{3,}(?=\S)|[\xa0\u2000-\u200a\u202f\u205f]")
"""Long runs and odd kinds. Two spaces after a full stop are a habit, an ideographic space is Chinese, and a line that
begins with spaces may be code."""


SUSPECT = re.compile("[ \t\u3000]{3}|[\xa0\u2000-\u200a\u202f\u205f]")
"""What every hit of `SPACES` holds, and is found far faster."""


def ungarbled(text: str) -> str:
    """The text as it was before UTF-8 was read as cp1252 or GB18030, once or several times."""
    while not text.isascii():
        before, text = text, HAN_RUN.sub(_through_chinese, GARBLED.sub(_through_windows, text))
        if text == before:
            break
    return text


def _through_windows(found: re.Match[str]) -> str:
    """Two bytes alone are believed for Western letters only: `Ä–` is text."""
    if len(found[0]) == 2 and found[0][0] not in "ÂÃ":
        return found[0]
    try:
        return bytes(WINDOWS[c] for c in found[0]).decode("utf-8")
    except UnicodeDecodeError:
        return found[0]


def _through_chinese(found: re.Match[str]) -> str:
    """Real Chinese is almost never valid UTF-8 when it is written as GB18030; everyday characters must come out."""
    try:
        text = found[0].encode("gb18030").decode("utf-8")
    except UnicodeError:
        return found[0]
    return text if len(text) > 1 and any(c in EVERYDAY for c in text) else found[0]


def seen_only(text: str) -> str:
    """The text without characters that nobody sees; separators of lines and paragraphs become line ends."""
    return UNSEEN.sub(lambda found: "\n" if found[0] in "\x85\u2028\u2029" else "", text)


def unmarked(text: str) -> str:
    """The text without HTML tags and with entities as the characters they mean."""
    if "<" in text:
        text = TAG.sub(lambda found: "\n" if found[2].lower() in LINES and not found[1] else "", text)
    return ENTITY.sub(lambda found: html.unescape(found[0]), text) if "&" in text else text


def spaced(text: str) -> str:
    """The text without spaces at its ends, long runs of them, and spaces of odd kinds."""
    bare = text.strip()
    if not bare:
        return text  # an empty row, not a badly spaced one
    return SPACES.sub(" ", bare) if SUSPECT.search(bare) else bare


def is_marked(text: str) -> bool:
    return unmarked(text) != text


@dataclass(frozen=True)
class Blemish:
    """One thing that may be wrong in a text."""

    kind: str
    what: str
    """In words, for `3 texts hold …`."""
    found: Callable[[str], bool]
    mend: Callable[[str], str] | None = None
    """None: nobody can know what stood there."""


BLEMISHES = (
    Blemish("encoding", "UTF-8 that was read as another encoding", lambda t: ungarbled(t) != t, ungarbled),
    Blemish("encoding", "control or invisible characters", lambda t: UNSEEN.search(t) is not None, seen_only),
    Blemish("encoding", "lost characters (U+FFFD or 锟斤拷)", lambda t: "\ufffd" in t or bool(LOST_HAN.search(t))),
    Blemish("html", "HTML tags or entities", is_marked, unmarked),
    Blemish("whitespace", "stray spaces at an end, in long runs or of odd kinds", lambda t: spaced(t) != t, spaced),
)
"""In the order in which they are mended: an entity may hide a space."""
