"""The plays of the built-in dialogues, by language: scenes, and what people say in any scene."""

from __future__ import annotations

from . import en_errands, en_friends, en_home, en_services, en_talk, en_work
from .scene import Scene, Talk

SCENES: dict[str, tuple[Scene, ...]] = {
    "en": (*en_errands.SCENES, *en_services.SCENES, *en_home.SCENES, *en_work.SCENES, *en_friends.SCENES),
}
TALK: dict[str, Talk] = {"en": en_talk.TALK}
