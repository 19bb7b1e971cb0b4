"""Examples -> token plan on disk.

A plan is made once per (tokenizer, task, lengths, examples) and shared by all trials: no method sees other tokens
than another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import numpy as arrays

from . import files
from .backbone import Backbone
from .errors import DataError, Refused
from .records import Budget, Example, dumps
from .tasks import Chat

LABEL = -1
"""`answer` of a row whose answer is a class: the class number stands in `classes`."""


@dataclass(frozen=True)
class Plan:
    """The tokens of one split.

    Attributes:
        inputs: token ids per row; answers: answer ids with their end token per row (empty for class heads).
        classes: class number per row, or -1.
        cut_inputs, cut_answers: rows that lost tokens to a limit.
    """

    inputs: tuple[np.ndarray, ...]
    answers: tuple[np.ndarray, ...]
    classes: np.ndarray
    cut_inputs: int = 0
    cut_answers: int = 0

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def lengths(self) -> np.ndarray:
        """(rows, 2): input and answer tokens."""
        return np.array([[len(i), len(a)] for i, a in zip(self.inputs, self.answers)], dtype=np.int64).reshape(-1, 2)


def plan(
    backbone: Backbone, task: Any, examples: Sequence[Example], budget: Budget, shots: Sequence[Example] = ()
) -> Plan:
    """Tokenise a split.

    Inputs longer than the limit lose the end of their longest stretch but keep the template's last words, so that
    a cut dialogue still ends in `Summary: `.

    Raises:
        DataError: not one row has room for its template.
    """
    tokenizer = backbone.tokenizer
    limit = input_limit(backbone, budget, 1 + len(shots))
    if task.kind == "label" and uses_head(backbone, task):
        return _plan_classes(backbone, task, examples, limit)
    if isinstance(task, Chat) and backbone.tokenizer.chat_template:
        return _plan_chats(backbone, task, examples, budget, shots)
    lead = "".join(f"{task.prompt_text(s)}{_answer(task, s.references[0])}\n\n" for s in shots)
    texts = [lead + task.prompt_text(e) for e in examples]
    encoded = tokenizer(texts, truncation=False, verbose=False)["input_ids"]
    tail = _tail(backbone, task)
    fixed = len(tail) + len(tokenizer(lead + task.prompt.split("{", 1)[0], verbose=False)["input_ids"])
    if fixed >= limit and any(len(ids) > limit for ids in encoded):
        raise DataError(
            f"The prompt alone needs {fixed} tokens, so nothing of a long row would be left.",
            f"fewer than {limit}",
            "shorten --prompt or raise max_input_tokens",
        )
    inputs = [np.array(ids if len(ids) <= limit else [*ids[: limit - len(tail)], *tail], np.int32) for ids in encoded]
    answers, cut = _answers(backbone, [_answer(task, e.references[0]) for e in examples], budget.max_answer_tokens)
    classes = np.array(
        [task.labels.index(e.references[0]) if task.kind == "label" else LABEL for e in examples], np.int32
    )
    return Plan(tuple(inputs), tuple(answers), classes, sum(len(i) > limit for i in encoded), cut)


def uses_head(backbone: Backbone, task: Any) -> bool:
    """Classes are read from a trained head on encoders, from label words elsewhere, unless the task says."""
    if task.kind != "label":
        return False
    if task.head is None:
        return backbone.kind == "encoder"
    if task.head is False and backbone.kind == "encoder":
        raise Refused(
            f"{backbone.name} is an encoder and does not write label words.", "a class head", "leave head=False out"
        )
    return task.head


def input_limit(backbone: Backbone, budget: Budget, texts: int = 1) -> int:
    """Input tokens that `texts` examples in one prompt may have, with room for the answer where positions are shared.

    Raises:
        DataError: the answers alone fill the positions.
    """
    wanted, limit = budget.max_input_tokens * texts, backbone.position_limit()
    if limit is None:
        return wanted
    room = limit - (budget.max_answer_tokens if backbone.kind == "causal" else 0)
    if room < 8:
        raise DataError(
            f"{backbone.name} has {limit} positions, and answers may take {budget.max_answer_tokens} of them.",
            f"answers of at most {limit - 8} tokens",
            "lower max_answer_tokens",
        )
    return min(wanted, room)


def word_of(task: Any, label: str) -> str:
    """How a language model says a label."""
    return dict(zip(task.labels, task.words or task.labels))[label]


def answer_ids(backbone: Backbone, text: str) -> list[int]:
    """An answer's ids with its end token, as the decoder must produce them."""
    if backbone.kind == "seq2seq":
        return backbone.tokenizer(text_target=text, verbose=False)["input_ids"]
    return [
        *backbone.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"],
        backbone.tokenizer.eos_token_id,
    ]


def keep(folder: Path, made: Plan) -> None:
    """Write a plan."""
    flat = {"classes": made.classes, "cut": np.array([made.cut_inputs, made.cut_answers])}
    for name, rows in (("inputs", made.inputs), ("answers", made.answers)):
        flat[name] = np.concatenate([*rows, np.zeros(0, np.int32)]).astype(np.int32)
        flat[f"{name}_ends"] = np.cumsum([len(r) for r in rows], dtype=np.int64)
    files.write_bytes(folder, arrays.save(flat))


def kept(path: Path) -> Plan:
    """Read a plan."""
    flat = arrays.load(path.read_bytes())
    rows = {n: tuple(np.split(flat[n], flat[f"{n}_ends"][:-1])) for n in ("inputs", "answers")}
    return Plan(rows["inputs"], rows["answers"], flat["classes"], *(int(c) for c in flat["cut"]))


def key(
    backbone: Backbone, task: Any, examples: Sequence[Example], budget: Budget, shots: Sequence[Example] = ()
) -> str:
    """Name of the plan: equal for everything that makes equal tokens."""
    digest = hashlib.sha256(backbone.tokenizer.backend_tokenizer.to_str().encode())
    facts = [
        repr(task),
        backbone.kind,
        input_limit(backbone, budget),
        budget.max_answer_tokens,
        list(examples),
        list(shots),
    ]
    digest.update(dumps(facts).encode("utf-8", errors="replace"))
    return digest.hexdigest()[:16]


def plan_on_disk(
    folder: Path,
    backbone: Backbone,
    task: Any,
    examples: Sequence[Example],
    budget: Budget,
    shots: Sequence[Example] = (),
) -> Plan:
    """The plan from `folder`, made and written where it is not there yet."""
    path = folder / f"{key(backbone, task, examples, budget, shots)}.safetensors"
    if not path.exists():
        keep(path, plan(backbone, task, examples, budget, shots))
    return kept(path)


def _answer(task: Any, reference: str) -> str:
    return word_of(task, reference) if task.kind == "label" else reference


def _answers(backbone: Backbone, texts: list[str], limit: int) -> tuple[list[np.ndarray], int]:
    distinct = {t: answer_ids(backbone, t) for t in dict.fromkeys(texts)}
    rows = [distinct[t] for t in texts]
    cut = sum(len(r) > limit for r in rows)
    return [np.array(r if len(r) <= limit else [*r[: limit - 1], r[-1]], np.int32) for r in rows], cut


def _plan_chats(
    backbone: Backbone, task: Chat, examples: Sequence[Example], budget: Budget, shots: Sequence[Example]
) -> Plan:
    """Prompts in the tokenizer's chat template; a long conversation loses its oldest turns, never the system's.

    Raises:
        DataError: not even the last turn fits.
    """
    limit, cut, inputs = input_limit(backbone, budget, 1 + len(shots)), 0, []
    lead = [turn for s in shots for turn in (*task.messages(s), {"role": "assistant", "content": s.references[0]})]
    for e in examples:
        own = task.messages(e)
        system, said = [m for m in own if m["role"] == "system"], [m for m in own if m["role"] != "system"]
        ids, dropped = backbone.chat_ids([*system, *lead, *said]), 0
        while len(ids) > limit and dropped + 1 < len(said):
            dropped += 1
            ids = backbone.chat_ids([*system, *lead, *said[dropped:]])
        if len(ids) > limit:
            raise DataError(
                f"The last turn of chat {e.id} needs {len(ids)} tokens.",
                f"at most {limit}",
                "shorten it or raise max_input_tokens",
            )
        cut += dropped > 0
        inputs.append(np.array(ids, np.int32))
    answers, cut_answers = _answers(backbone, [e.references[0] for e in examples], budget.max_answer_tokens)
    return Plan(tuple(inputs), tuple(answers), np.full(len(examples), LABEL, np.int32), cut, cut_answers)


def _plan_classes(backbone: Backbone, task: Any, examples: Sequence[Example], limit: int) -> Plan:
    segments = [task.segment_texts(e) for e in examples]
    first, second = [s[0] for s in segments], [s[1] for s in segments] if len(segments[0]) > 1 else None
    whole = backbone.tokenizer(first, second, truncation=False, verbose=False)["input_ids"]
    fitting = backbone.tokenizer(first, second, truncation="longest_first", max_length=limit, verbose=False)[
        "input_ids"
    ]
    classes = np.array([task.labels.index(e.references[0]) for e in examples], np.int32)
    empty = np.zeros(0, np.int32)
    return Plan(
        tuple(np.array(i, np.int32) for i in fitting),
        (empty,) * len(examples),
        classes,
        sum(len(i) > limit for i in whole),
    )


def _tail(backbone: Backbone, task: Any) -> list[int]:
    """Ids of what the template says behind its last column, and the tokenizer's own end."""
    behind = task.prompt.rsplit("}", 1)[-1]
    inner = backbone.tokenizer(behind, add_special_tokens=False, verbose=False)["input_ids"] if behind else []
    plain = backbone.tokenizer("", verbose=False)["input_ids"]
    ends = [i for i in plain if i == backbone.tokenizer.eos_token_id] if backbone.kind == "seq2seq" else []
    return [*inner, *ends[-1:]]
