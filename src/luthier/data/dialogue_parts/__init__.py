"""The plays of the built-in dialogues, by language: scenes, and what people say in any scene."""

from __future__ import annotations

from . import (
    en_errands,
    en_friends,
    en_home,
    en_services,
    en_talk,
    en_work,
    zh_errands,
    zh_friends,
    zh_home,
    zh_services,
    zh_talk,
    zh_work,
)
from .scene import Scene, Talk

SCENES: dict[str, tuple[Scene, ...]] = {
    "en": (*en_errands.SCENES, *en_services.SCENES, *en_home.SCENES, *en_work.SCENES, *en_friends.SCENES),
    "zh": (*zh_errands.SCENES, *zh_services.SCENES, *zh_home.SCENES, *zh_work.SCENES, *zh_friends.SCENES),
}
TALK: dict[str, Talk] = {"en": en_talk.TALK, "zh": zh_talk.TALK}
