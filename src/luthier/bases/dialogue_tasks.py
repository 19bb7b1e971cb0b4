"""Short supervised tasks made by code from dialogues, above all summaries.

Few real summaries exist in the corpus, so others are made: the turns that share the
most words with the rest of the dialogue are told in the third person, with the
speakers' labels in place of "I" and "you". Speakers are renamed at random, which
leaves copying the label from the input as the only way to name them.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

from .corpus import Document
from .text_tasks import Pair, ask

NAMES = (
    "Amy",
    "Ben",
    "Carol",
    "David",
    "Emma",
    "Frank",
    "Grace",
    "Henry",
    "Irene",
    "Jack",
    "Karen",
    "Leo",
    "Mary",
    "Nick",
    "Olivia",
    "Paul",
    "Rose",
    "Sam",
    "Tina",
    "Victor",
    "Wendy",
    "Alex",
    "Bella",
    "Chris",
    "Diana",
    "Eric",
    "Fiona",
    "George",
    "Helen",
    "Ian",
    "Julia",
    "Kevin",
    "Lucy",
    "Mark",
    "Nancy",
    "Oscar",
    "Peter",
    "Rachel",
    "Steven",
    "Tom",
)
CHINESE_NAMES = (
    "小明",
    "小红",
    "李华",
    "王芳",
    "张伟",
    "刘洋",
    "陈静",
    "赵强",
    "周杰",
    "吴敏",
    "孙丽",
    "林涛",
)

ENGLISH_LIMIT = 950
CHINESE_LIMIT = 300

_TURN = {"en": re.compile(r"^([^:\n]{1,30}): (.+)$"), "zh": re.compile(r"^([^：\n]{1,10})：(.+)$")}
_FIRST_PERSON = (
    (r"\bI'm\b|\bI am\b", "{me} is"),
    (r"\bI've\b|\bI have\b", "{me} has"),
    (r"\bI'll\b", "{me} will"),
    (r"\bI'd\b", "{me} would"),
    (r"\bI (want|need|like|love|think|prefer|know|hope|wish|guess|enjoy|work|live)\b", r"{me} \1s"),
    (r"\bI was\b", "{me} was"),
    (r"\bI do\b", "{me} does"),
    (r"\bI\b|\bme\b", "{me}"),
    (r"\bmy\b", "{me}'s"),
    (r"\byou're\b|\byou are\b", "{you} is"),
    (r"\byou have\b", "{you} has"),
    (r"\byour\b", "{you}'s"),
    (r"\byou\b", "{you}"),
)
_TOLD = tuple((re.compile(pattern, re.IGNORECASE), told) for pattern, told in _FIRST_PERSON)

SUMMARY_PROMPTS = {
    "en": (
        ("Summarize the following conversation.", "Summary: "),
        ("Summarize the following conversation.", "Summary: "),
        ("Summarize the following conversation.", "Summary: "),
        ("Summarize this dialogue.", "Summary: "),
        ("Write a short summary of the dialogue.", ""),
        ("What is this conversation about?", "Answer: "),
    ),
    "zh": (
        ("概括下面的对话。", "概括："),
        ("总结下面的对话。", "摘要："),
        ("Summarize the following conversation.", "Summary: "),
    ),
}


@dataclass(frozen=True)
class Turn:
    """What one speaker says at once."""

    speaker: str
    words: str


def turns(text: str, lang: str) -> list[Turn]:
    """The turns of a dialogue; an empty list when the text is none."""
    found = []
    for line in text.split("\n"):
        match = _TURN[lang].match(line)
        if not match:
            return []
        found.append(Turn(match[1], match[2]))
    return found


def shown(dialogue: list[Turn], lang: str) -> str:
    """A dialogue as text, one turn a line."""
    colon = ": " if lang == "en" else "："
    return "\n".join(f"{turn.speaker}{colon}{turn.words}" for turn in dialogue)


def renamed(dialogue: list[Turn], lang: str, rng: random.Random) -> list[Turn]:
    """The dialogue with other speaker labels."""
    speakers = list(dict.fromkeys(turn.speaker for turn in dialogue))
    kind = rng.random()
    count = len(speakers)
    if kind < 0.15:
        return dialogue
    if kind < 0.5 and lang == "en":
        labels = [f"#Person{i + 1}#" for i in range(count)]
    elif kind < 0.6:
        labels = [rng.choice(("Speaker ", "Person ")) + str(i + 1) for i in range(count)]
    else:
        pool = NAMES if lang == "en" else CHINESE_NAMES
        labels = rng.sample(pool, min(count, len(pool)))
    new = dict(zip(speakers, labels, strict=False))
    return [Turn(new.get(turn.speaker, turn.speaker), turn.words) for turn in dialogue]


def excerpt(document: Document, rng: random.Random, start_anywhere: bool = True) -> list[Turn]:
    """A random run of turns under random labels, short runs more often than long ones."""
    found = turns(document.text, document.lang)
    if len(found) < 4:
        return []
    longest = ENGLISH_LIMIT if document.lang == "en" else CHINESE_LIMIT
    limit = longest * (0.35 + 0.65 * rng.random())
    start = rng.randrange(len(found) - 3) if start_anywhere and rng.random() < 0.5 else 0
    taken: list[Turn] = []
    size = 0
    for turn in found[start:]:
        size += len(turn.words) + 10
        if size > limit:
            break
        taken.append(turn)
    return renamed(taken, document.lang, rng) if len(taken) >= 3 else []


def told(turn: Turn, other: str, lang: str) -> str:
    """One turn in the third person, with labels in place of "I" and "you"."""
    if lang == "zh":
        words = re.sub("[您你](?!们)", other, re.sub("我(?!们)", turn.speaker, turn.words))
        return f"{turn.speaker}{'问' if words.endswith('？') else '说'}{words}"
    words = turn.words
    for pattern, template in _TOLD:
        words = pattern.sub(template.replace("{me}", turn.speaker).replace("{you}", other), words)
    if words[-1] not in ".!?":
        words += "."
    if words.startswith(turn.speaker):
        return words
    words = words[0].lower() + words[1:]
    if words.endswith("?"):
        return f"{turn.speaker} asks {other} {words[:-1]}."
    return f"{turn.speaker} tells {other} {words}"


def _word_set(text: str, lang: str) -> set[str]:
    return set(re.findall(r"[a-z']{4,}", text.lower())) if lang == "en" else set(text)


def salient(dialogue: list[Turn], lang: str, count: int) -> list[int]:
    """The turns that share the most words with all the others, in order."""
    sets = [_word_set(turn.words, lang) for turn in dialogue]
    low, high = (25, 160) if lang == "en" else (7, 45)
    scores = []
    for at, words in enumerate(sets):
        if low <= len(dialogue[at].words) <= high:
            rest = set().union(*(other for i, other in enumerate(sets) if i != at))
            scores.append((len(words & rest) / (4 + len(words)) ** 0.5, at))
    best = sorted(scores, reverse=True)[:count]
    return sorted(at for _, at in best)


def summary_made(document: Document, rng: random.Random) -> Pair | None:
    """Summarise a dialogue by telling its central turns."""
    dialogue = excerpt(document, rng)
    speakers = list(dict.fromkeys(turn.speaker for turn in dialogue))
    if len(speakers) != 2:
        return None
    chosen = salient(dialogue, document.lang, rng.choice((1, 2, 2, 3)))
    if not chosen:
        return None
    parts = [told(dialogue[at], speakers[1 - speakers.index(dialogue[at].speaker)], document.lang) for at in chosen]
    return _asked(dialogue, (" " if document.lang == "en" else "").join(parts), document.lang, rng)


def _asked(dialogue: list[Turn], summary: str, lang: str, rng: random.Random) -> Pair:
    prompt, tail = rng.choice(SUMMARY_PROMPTS[lang])
    end = f"\n\n{tail}" if tail else ""
    return f"{prompt}\n\n{shown(dialogue, lang)}{end}", summary


def summary_given(document: Document, rng: random.Random) -> Pair | None:
    """Summarise with the document's own summary; long dialogues are cut to what matters."""
    if "\nSummary: " not in document.text:
        return None
    body, summary = document.text.rsplit("\nSummary: ", 1)
    body, _, question = body.partition("\nQuestion: ")
    dialogue = turns(body, document.lang)
    if not dialogue or len(summary) > 450:
        return None
    wanted = _word_set(summary, document.lang)
    ranked = sorted(
        range(len(dialogue)),
        key=lambda at: -len(_word_set(dialogue[at].words, document.lang) & wanted),
    )
    kept, size = set(), 0
    for at in ranked:
        cost = min(len(dialogue[at].words), 500) + len(dialogue[at].speaker)
        if size + cost <= ENGLISH_LIMIT + 150:
            kept.add(at)
            size += cost
    short = [Turn(dialogue[at].speaker, dialogue[at].words[:500]) for at in sorted(kept)]
    if question:
        return f"{shown(short, document.lang)}\n\nQuestion: {question}\nAnswer: ", summary
    return _asked(short, summary, document.lang, rng)


def who_said(document: Document, rng: random.Random) -> Pair | None:
    """Name the speaker of a quoted turn."""
    dialogue = excerpt(document, rng)
    if not dialogue:
        return None
    turn = rng.choice(dialogue)
    prompt = ask(rng, document.lang, (f'Who said "{turn.words}"?',), (f"“{turn.words}”是谁说的？",))
    return f"{shown(dialogue, document.lang)}\n\n{prompt}", turn.speaker


def what_said(document: Document, rng: random.Random) -> Pair | None:
    """Copy the first or the last turn of one speaker."""
    dialogue = excerpt(document, rng)
    if not dialogue:
        return None
    speaker = rng.choice(dialogue).speaker
    first = rng.random() < 0.5
    said = [turn.words for turn in dialogue if turn.speaker == speaker][0 if first else -1]
    place, where = ("first", "先") if first else ("last", "最后")
    prompt = ask(
        rng,
        document.lang,
        (f"What does {speaker} say {place}?",),
        (f"{speaker}{where}说了什么？",),
    )
    return f"{shown(dialogue, document.lang)}\n\n{prompt}", said


def reply_to(document: Document, rng: random.Random) -> Pair | None:
    """Copy the reply to a quoted turn, with its speaker."""
    dialogue = excerpt(document, rng)
    if not dialogue:
        return None
    at = rng.randrange(len(dialogue) - 1)
    quoted = dialogue[at].words
    prompt = ask(rng, document.lang, (f'What is the reply to "{quoted}"?',), (f"谁怎样回答“{quoted}”？",))
    return f"{shown(dialogue, document.lang)}\n\n{prompt}", shown(dialogue[at + 1 : at + 2], document.lang)


def speakers_of(document: Document, rng: random.Random) -> Pair | None:
    """Name everyone who speaks."""
    dialogue = excerpt(document, rng)
    if not dialogue:
        return None
    prompt = ask(rng, document.lang, ("Who is talking?", "Name the speakers."), ("对话中有谁？",))
    names = list(dict.fromkeys(turn.speaker for turn in dialogue))
    joiner = " and " if document.lang == "en" else "和"
    return f"{prompt}\n\n{shown(dialogue, document.lang)}", joiner.join(names)


def next_turn(document: Document, rng: random.Random) -> Pair | None:
    """Write the next turn, which is not in the input."""
    dialogue = excerpt(document, rng)
    if not dialogue:
        return None
    prompt = ask(rng, document.lang, ("Continue the conversation.",), ("继续下面的对话。",))
    return f"{prompt}\n\n{shown(dialogue[:-1], document.lang)}", shown(dialogue[-1:], document.lang)


ON_DIALOGUE = (
    (summary_made, 8),
    (what_said, 3),
    (who_said, 1),
    (reply_to, 2),
    (speakers_of, 1),
    (next_turn, 2),
)
"""The tasks for any dialogue, with their weights."""
