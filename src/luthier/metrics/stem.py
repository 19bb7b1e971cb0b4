"""English words without their endings: Porter 1980, "An algorithm for suffix stripping", section 3.

With the later changes that NLTK makes by default (a list of irregular words, `ies`/`ied` of short words, `y` after a
consonant, `alli`, `fulli`, `logi`), because the field's ROUGE figures are made with that variant.

In a word every letter is c (consonant) or v (vowel; `y` is one after a consonant); the measure m counts the `vc`.
"""

from __future__ import annotations

from functools import lru_cache

IRREGULAR = {
    "sky": "sky",
    "skies": "sky",
    "dying": "die",
    "lying": "lie",
    "tying": "tie",
    "news": "news",
    "innings": "inning",
    "inning": "inning",
    "outings": "outing",
    "outing": "outing",
    "cannings": "canning",
    "canning": "canning",
    "howe": "howe",
    "proceed": "proceed",
    "exceed": "exceed",
    "succeed": "succeed",
}

# In each list the first ending that fits decides, also where its condition then forbids the change.
ENDINGS_2 = (
    ("ational", "ate"),
    ("tional", "tion"),
    ("enci", "ence"),
    ("anci", "ance"),
    ("izer", "ize"),
    ("bli", "ble"),
    ("alli", "al"),
    ("entli", "ent"),
    ("eli", "e"),
    ("ousli", "ous"),
    ("ization", "ize"),
    ("ation", "ate"),
    ("ator", "ate"),
    ("alism", "al"),
    ("iveness", "ive"),
    ("fulness", "ful"),
    ("ousness", "ous"),
    ("aliti", "al"),
    ("iviti", "ive"),
    ("biliti", "ble"),
    ("fulli", "ful"),
)
ENDINGS_3 = (
    ("icate", "ic"),
    ("ative", ""),
    ("alize", "al"),
    ("iciti", "ic"),
    ("ical", "ic"),
    ("ful", ""),
    ("ness", ""),
)
ENDINGS_4 = (
    "al",
    "ance",
    "ence",
    "er",
    "ic",
    "able",
    "ible",
    "ant",
    "ement",
    "ment",
    "ent",
    "ion",
    "ou",
    "ism",
    "ate",
    "iti",
    "ous",
    "ive",
    "ize",
)


@lru_cache(maxsize=1 << 16)
def stem(word: str) -> str:
    """`word` in lower case -> its stem."""
    if word in IRREGULAR:
        return IRREGULAR[word]
    if len(word) <= 2:
        return word
    word = _past(_plural(word))
    if word.endswith("y") and len(word) > 2 and _shape(word[:-1]).endswith("c"):
        word = word[:-1] + "i"
    return _final(_shorter(_swapped(_double(word), ENDINGS_3)))


def _shape(word: str) -> str:
    """`toy` -> `cvc`, `syzygy` -> `cvcvcv`."""
    shape = ""
    for letter in word:
        shape += "v" if letter in "aeiou" or (letter == "y" and shape.endswith("c")) else "c"
    return shape


def _measure(word: str) -> int:
    return _shape(word).count("vc")


def _short(word: str) -> bool:
    """Ends like `hop`, or is like `at`: endings that want an `e`."""
    shape = _shape(word)
    return shape == "vc" or (shape.endswith("cvc") and word[-1] not in "wxy")


def _plural(word: str) -> str:
    """Step 1a."""
    if word.endswith("ies"):
        return word[:-1] if len(word) == 4 else word[:-2]
    if word.endswith("sses"):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


def _past(word: str) -> str:
    """Step 1b."""
    if word.endswith("ied"):
        return word[:-1] if len(word) == 4 else word[:-2]
    if word.endswith("eed"):
        return word[:-1] if _measure(word[:-3]) else word
    cut = word[:-2] if word.endswith("ed") else word[:-3] if word.endswith("ing") else ""
    if "v" not in _shape(cut):
        return word
    if cut.endswith(("at", "bl", "iz")):
        return cut + "e"
    if len(cut) > 1 and cut[-1] == cut[-2] and _shape(cut).endswith("c"):
        return cut if cut[-1] in "lsz" else cut[:-1]
    return cut + "e" if _measure(cut) == 1 and _short(cut) else cut


def _double(word: str) -> str:
    """Step 2: two endings become one."""
    if word.endswith("alli") and _measure(word[:-4]):
        return _double(word[:-2])
    if word.endswith("logi"):
        return word[:-1] if _measure(word[:-3]) else word
    return _swapped(word, ENDINGS_2)


def _swapped(word: str, endings: tuple[tuple[str, str], ...]) -> str:
    """Steps 2 and 3: the first ending that fits, where a syllable stands before it."""
    for ending, other in endings:
        if word.endswith(ending):
            cut = word[: -len(ending)]
            return cut + other if _measure(cut) else word
    return word


def _shorter(word: str) -> str:
    """Step 4: endings go where two syllables stand before them."""
    for ending in ENDINGS_4:
        if word.endswith(ending):
            cut = word[: -len(ending)]
            return cut if _measure(cut) > 1 and (ending != "ion" or cut[-1] in "st") else word
    return word


def _final(word: str) -> str:
    """Step 5: a last `e`, a double `l`."""
    if word.endswith("e"):
        cut = word[:-1]
        measure = _measure(cut)
        if measure > 1 or (measure == 1 and not _short(cut)):
            word = cut
    return word[:-1] if word.endswith("ll") and _measure(word[:-1]) > 1 else word
