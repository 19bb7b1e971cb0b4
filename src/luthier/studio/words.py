"""The studio's own words in two languages, from `words.yaml`. Data, names and errors are never translated."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

LANGUAGES = ("en", "zh")


@functools.cache
def words() -> Mapping[str, tuple[str, str]]:
    """Key -> (English, 中文)."""
    pairs = yaml.safe_load((Path(__file__).parent / "words.yaml").read_text(encoding="utf-8"))
    return {key: (english, chinese) for key, (english, chinese) in pairs.items()}


def say(key: str, language: str, **values: Any) -> str:
    """The phrase `key` in `en` or `zh`."""
    return words()[key][LANGUAGES.index(language)].format(**values)


def preferred(accepted: str, remembered: str | None = None, fixed: str | None = None) -> str:
    """The language of a visitor: the one the app was started for, else the one chosen before, else the browser's.

    Args:
        accepted: the browser's `Accept-Language`, such as `zh-CN,zh;q=0.9,en;q=0.8`.
    """
    for language in (remembered, fixed):
        if language in LANGUAGES:
            return language
    ranked = sorted(map(_weighed, accepted.split(",")), key=lambda pair: -pair[1])
    return next((language for language, weight in ranked if language in LANGUAGES and weight > 0), "en")


def _weighed(part: str) -> tuple[str, float]:
    """`zh-CN;q=0.9` -> (`zh`, 0.9)."""
    name, _, weight = part.strip().partition(";q=")
    try:
        return name.split("-")[0].lower(), float(weight or 1)
    except ValueError:
        return "", 0.0
