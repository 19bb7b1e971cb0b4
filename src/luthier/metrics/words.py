"""Text -> tokens, the same for every language: stemmed words, and single characters where a script has no spaces."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from .stem import stem

CJK = re.compile(
    "[\u1100-\u11ff\u3005-\u3007\u3021-\u3029\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u318e\u31a0-\u31bf\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97c\uac00-\ud7fb\uf900-\ufad9\uff66-\uffdc\U0001b000-\U0001b167\U00020000-\U0003ffff]"
)
"""One Chinese, Japanese or Korean character (Han, kana, bopomofo, hangul)."""

IN_WORDS = frozenset({"Ll", "Lu", "Lt", "Lm", "Lo", "Mn", "Mc", "Nd"})
"""Unicode categories of letters, the marks on them, and digits."""

LONGEST_UNSTEMMED = 3


class _Spaced(dict[int, str]):
    """Code point -> itself inside a word, ` 字 ` for a character that is a word, a space for all others."""

    def __missing__(self, code: int) -> str:
        self[code] = kept = self._kept(chr(code))
        return kept

    def _kept(self, char: str) -> str:
        if "！" <= char <= "～":  # the full-width forms of ASCII, common in Chinese text
            return self[ord(char) - 0xFEE0]
        if "\ufe00" <= char <= "\ufe0f" or "\U000e0100" <= char <= "\U000e01ef":  # choose a glyph, say nothing
            return ""
        if CJK.match(char):
            return f" {char} "
        return char if unicodedata.category(char) in IN_WORDS else " "


_SPACED = _Spaced()


@lru_cache(maxsize=1 << 15)
def tokens(text: str) -> tuple[str, ...]:
    """`"模型A works well!"` -> `("模", "型", "a", "work", "well")`.

    Lower case; runs of letters and digits are words, every CJK character is one; English words of more than three
    letters are stemmed. Text in plain ASCII gives exactly the tokens of the `rouge_score` package.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    found = text.lower().translate(_SPACED).split()
    return tuple(stem(w) if len(w) > LONGEST_UNSTEMMED and w.isascii() else w for w in found)
