"""Short supervised tasks made by code from plain passages.

Each function turns a document into one (input, target) pair or gives None when the
document does not suit it. Most targets are copied out of the input on purpose: for a
model of a few million weights, finding and copying the right words is the part of
reading that it can learn well, and summaries are built on it.
"""

from __future__ import annotations

import random
import re

from .corpus import Document

Pair = tuple[str, str]

WINDOW_CHARACTERS = {"en": 1000, "zh": 330}
"""The longest passage shown, about 300 tokens in either language."""

_SENTENCE = {
    "en": re.compile(r"[^.!?\n]+[.!?]+[\"')\]]*|[^.!?\n]+(?=\n|$)"),
    "zh": re.compile(r"[^。！？\n]+[。！？]+[”’」』）]*|[^。！？\n]+(?=\n|$)"),
}
_WORD = {"en": re.compile(r"[A-Za-z]{5,}"), "zh": re.compile(r"[\u4e00-\u9fff]{2,4}")}
_PARALLEL = re.compile(r"English: (.+)\n中文：(.+)")


def ask(rng: random.Random, lang: str, english: tuple[str, ...], chinese: tuple[str, ...]) -> str:
    """One wording of an instruction; Chinese text is sometimes asked about in English."""
    if lang == "zh" and rng.random() < 0.85:
        return rng.choice(chinese)
    return rng.choice(english)


def sentences(text: str, lang: str) -> list[str]:
    """The sentences of a text, without those too short to say anything."""
    shortest = 15 if lang == "en" else 5
    found = (one.strip() for one in _SENTENCE[lang].findall(text))
    return [one for one in found if len(one) >= shortest]


def passage(document: Document, rng: random.Random) -> list[str]:
    """A random run of whole sentences; short runs are commoner as they train faster."""
    found = sentences(document.text, document.lang)
    if len(found) < 3:
        return []
    limit = int(WINDOW_CHARACTERS[document.lang] * (0.2 + 0.8 * rng.random() ** 2))
    start = rng.randrange(len(found) - 2)
    taken: list[str] = []
    size = 0
    for one in found[start:]:
        if size + len(one) > limit:
            break
        taken.append(one)
        size += len(one) + 1
    return taken if len(taken) >= 2 else []


def joined(parts: list[str], lang: str) -> str:
    """Sentences as running text."""
    return (" " if lang == "en" else "").join(parts)


def place_of_sentence(document: Document, rng: random.Random) -> Pair | None:
    """Give the first or the last sentence."""
    parts = passage(document, rng)
    if not parts:
        return None
    text = joined(parts, document.lang)
    if rng.random() < 0.6:
        prompt = ask(
            rng,
            document.lang,
            ("What is the first sentence of the text?", "Give the first sentence of this passage."),
            ("下文的第一句话是什么？", "写出下面这段话的第一句。"),
        )
        return f"{prompt}\n\n{text}", parts[0]
    prompt = ask(
        rng,
        document.lang,
        ("What is the last sentence of the text?", "Give the last sentence of this passage."),
        ("下文的最后一句话是什么？", "写出下面这段话的最后一句。"),
    )
    return f"{prompt}\n\n{text}", parts[-1]


def sentence_with_word(document: Document, rng: random.Random) -> Pair | None:
    """Find the one sentence that holds a given word."""
    parts = passage(document, rng)
    if not parts:
        return None
    target = rng.choice(parts)
    words = _WORD[document.lang].findall(target)
    words = [one for one in words if sum(one in part for part in parts) == 1]
    if not words:
        return None
    word = rng.choice(words)
    prompt = ask(
        rng,
        document.lang,
        (f'Copy the sentence that contains "{word}".', f'Which sentence mentions "{word}"?'),
        (f"抄出含有“{word}”的句子。", f"哪一句提到了“{word}”？"),
    )
    text = joined(parts, document.lang)
    return (f"{prompt}\n\n{text}", target) if rng.random() < 0.5 else (f"{text}\n\n{prompt}", target)


def next_sentence(document: Document, rng: random.Random) -> Pair | None:
    """Give the sentence that follows a quoted one."""
    parts = passage(document, rng)
    if not parts:
        return None
    at = rng.randrange(len(parts) - 1)
    prompt = ask(
        rng,
        document.lang,
        (f'Which sentence comes after "{parts[at]}"?',),
        (f"“{parts[at]}”的下一句是什么？",),
    )
    return f"{joined(parts, document.lang)}\n\n{prompt}", parts[at + 1]


def copy_passage(document: Document, rng: random.Random) -> Pair | None:
    """Repeat a short text word by word."""
    parts = passage(document, rng)[: rng.randint(1, 2)]
    if not parts:
        return None
    prompt = ask(
        rng,
        document.lang,
        ("Repeat the text.", "Copy the following text exactly."),
        ("重复下面的文字。", "照抄下文。"),
    )
    text = joined(parts, document.lang)
    return f"{prompt}\n\n{text}", text


def continue_text(document: Document, rng: random.Random) -> Pair | None:
    """Write on: the next sentence is not in the input."""
    parts = passage(document, rng)
    if not parts:
        return None
    prompt = ask(
        rng,
        document.lang,
        ("Continue the text.", "Write the next sentence."),
        ("续写下文。", "接着写下一句。"),
    )
    return f"{prompt}\n\n{joined(parts[:-1], document.lang)}", parts[-1]


def reorder(document: Document, rng: random.Random) -> Pair | None:
    """Put shuffled sentences back in order."""
    parts = passage(document, rng)[:4]
    if len(parts) < 3 or sum(map(len, parts)) > WINDOW_CHARACTERS[document.lang] // 3:
        return None
    shuffled = parts[:]
    rng.shuffle(shuffled)
    prompt = ask(
        rng,
        document.lang,
        ("Put these sentences in the right order.",),
        ("把下面的句子排成正确的顺序。",),
    )
    return prompt + "\n\n" + "\n".join(shuffled), joined(parts, document.lang)


def title(document: Document, rng: random.Random) -> Pair | None:
    """Give the short first line of a document as its title."""
    head, _, body = document.text.partition("\n")
    body = body.strip()
    if not 2 <= len(head) <= 60 or head[-1] in "。！？.!?:：,，" or len(body) < 60:
        return None
    prompt = ask(
        rng,
        document.lang,
        ("Write a title for the text.", "What is the title of this text?"),
        ("给下文拟一个标题。", "为下面的文章写标题。"),
    )
    tail = ask(rng, document.lang, ("Title: ",), ("标题：",))
    body = body[: WINDOW_CHARACTERS[document.lang]]
    return f"{prompt}\n\n{body}\n\n{tail}", head


def question_and_answer(document: Document, rng: random.Random) -> Pair | None:
    """Answer the document's own question."""
    for question_mark, answer_mark in (("Question: ", "\nAnswer: "), ("问：", "\n答：")):
        if document.text.startswith(question_mark) and answer_mark in document.text:
            question, answer = document.text[len(question_mark) :].split(answer_mark, 1)
            shape = rng.random()
            if shape < 0.2:
                return question, answer
            if shape < 0.4:
                return f"{question_mark}{question}{answer_mark}".rstrip(" "), answer
            if shape < 0.8:
                return f"{question}\n\n{ask(rng, document.lang, ('Answer: ',), ('回答：',))}", answer
            prompt = ask(rng, document.lang, ("Answer the question.",), ("回答问题。",))
            return f"{prompt}\n\n{question}", answer
    return None


def translate(document: Document, rng: random.Random) -> Pair | None:
    """Translate one sentence of a parallel document, either way."""
    pairs = [pair for pair in _PARALLEL.findall(document.text) if len(pair[0]) <= 350]
    if not pairs:
        return None
    english, chinese = rng.choice(pairs)
    if rng.random() < 0.5:
        prompt = rng.choice(("Translate into Chinese.", "把下面的英文翻译成中文。"))
        return f"{prompt}\n\n{english}", chinese
    prompt = rng.choice(("Translate into English.", "把下面的中文翻译成英文。"))
    return f"{prompt}\n\n{chinese}", english


def random_words(document: Document, rng: random.Random) -> Pair | None:
    """Copy words out of their sentences: no context helps, only looking does."""
    words = _WORD[document.lang].findall(document.text[:3000])
    if len(words) < 20:
        return None
    chosen = rng.sample(words, rng.randint(4, 16))
    shape = rng.random()
    if shape < 0.6:
        prompt = ask(rng, document.lang, ("Repeat the words.",), ("重复这些词。",))
        return f"{prompt}\n\n{' '.join(chosen)}", " ".join(chosen)
    at = rng.randrange(len(chosen) - 1)
    if chosen.count(chosen[at]) > 1:
        return None
    prompt = ask(
        rng,
        document.lang,
        (f"Copy the words from {chosen[at]} to the end.",),
        (f"从“{chosen[at]}”抄到最后。",),
    )
    return f"{prompt}\n\n{' '.join(chosen)}", " ".join(chosen[at:])


def mentions(document: Document, rng: random.Random) -> Pair | None:
    """Say yes or no: does the text hold a given word?"""
    parts = passage(document, rng)
    found = _WORD[document.lang].findall(document.text)
    if not parts or not found:
        return None
    text, word = joined(parts, document.lang), rng.choice(found)
    prompt = ask(rng, document.lang, (f'Does the text mention "{word}"?',), (f"下文提到“{word}”了吗？",))
    yes, no = ("Yes", "No") if document.lang == "en" else ("是", "否")
    return f"{prompt}\n\n{text}\n\n{ask(rng, document.lang, ('Answer: ',), ('回答：',))}", yes if word in text else no


KINDS = {
    "book": ("story", "小说"),
    "speech": ("speech", "演讲"),
    "guide": ("guide", "说明"),
    "reference": ("reference", "资料"),
    "law": ("law", "法律"),
    "wiki": ("encyclopedia", "百科"),
    "essay": ("essay", "杂文"),
}
"""What a document of the corpus is called when somebody asks."""


def kind_of_text(document: Document, rng: random.Random) -> Pair | None:
    """Choose what kind of text this is among a few words."""
    parts = passage(document, rng)
    if not parts or document.kind not in KINDS:
        return None
    side = 0 if document.lang == "en" else 1
    right = KINDS[document.kind][side]
    others = [names[side] for names in KINDS.values() if names[side] != right]
    offered = [right, *rng.sample(others, rng.randint(1, 3))]
    rng.shuffle(offered)
    choices = ", ".join(offered) if side == 0 else "、".join(offered)
    prompt = ask(rng, document.lang, (f"What kind of text is this: {choices}?",), (f"下面是哪种文字：{choices}？",))
    tail = ask(rng, document.lang, ("Answer: ", "Kind: "), ("回答：", "类别："))
    return f"{prompt}\n\n{joined(parts, document.lang)}\n\n{tail}", right


ON_TEXT = (
    (place_of_sentence, 4),
    (sentence_with_word, 5),
    (next_sentence, 2),
    (copy_passage, 3),
    (continue_text, 2),
    (reorder, 1),
    (title, 2),
    (random_words, 3),
    (mentions, 2),
    (kind_of_text, 2),
)
"""The tasks for any passage, with their weights."""
