"""Examples -> token plan on disk.

A plan is made once per (tokenizer, task, lengths, examples) and shared by all trials: no method sees other tokens
than another.
"""

from __future__ import annotations

import dataclasses
import hashlib
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import numpy as arrays

from . import files, slots
from .backbone import Backbone
from .errors import DataError, Refused
from .records import Budget, Example, dumps
from .tasks import Chat
from .tasks.template import SLOT, columns_of

LABEL = -1
"""`answer` of a row whose answer is a class: the class number stands in `classes`."""

LEFT_FREE = 8
"""What methods learn in front of a row may take this part (one eighth) of a backbone's positions from it."""


@dataclass(frozen=True)
class Plan:
    """The tokens of one split.

    Attributes:
        inputs: token ids per row; answers: answer ids with their end token per row (empty for class heads).
        classes: class number per row, or -1.
        cut_inputs, cut_answers: rows that lost tokens to a limit.
        owners: the example of each row, where a document is read in several; empty: row i is example i.
        pieces: (labels, slots) ids of the words that compete at an encoder's masks, -1 behind the shorter ones.
    """

    inputs: tuple[np.ndarray, ...]
    answers: tuple[np.ndarray, ...]
    classes: np.ndarray
    cut_inputs: int = 0
    cut_answers: int = 0
    owners: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int32))
    pieces: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), np.int64))

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def owner(self) -> np.ndarray:
        """The number of each row's example."""
        return self.owners if len(self.owners) else np.arange(len(self.inputs), dtype=np.int32)

    @property
    def lengths(self) -> np.ndarray:
        """(rows, 2): input and answer tokens."""
        return np.array([[len(i), len(a)] for i, a in zip(self.inputs, self.answers)], dtype=np.int64).reshape(-1, 2)

    @property
    def mark(self) -> str:
        """Fingerprint of the inputs: two plans with the same one ask the same."""
        digest = hashlib.sha256()
        for ids in self.inputs:
            digest.update(f"{len(ids)};".encode() + ids.astype(np.int32).tobytes())
        return digest.hexdigest()[:16]


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
    if task.kind == "read":
        return _plan_documents(backbone, task, examples, window_limit(backbone, budget), budget.max_answer_tokens)
    limit = input_limit(backbone, budget, 1 + len(shots))
    if task.kind == "label" and uses_head(backbone, task):
        return _plan_classes(backbone, task, examples, limit)
    if uses_slots(backbone, task):
        return _plan_slots(backbone, task, examples, limit, shots)
    if task.kind == "label" and columns_of(task.prompt.partition(SLOT)[2]):
        raise Refused(
            f"{backbone.name} writes words behind a text, and in {task.prompt!r} a column stands behind the slot.",
            f"{SLOT} behind all columns, or an encoder",
            "move it to the end",
        )
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
            "shorten --prompt or raise --max-input-tokens",
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
    return backbone.kind == "encoder" if task.head is None else task.head


def uses_slots(backbone: Backbone, task: Any) -> bool:
    """Label words stand at an encoder's masks."""
    return task.kind == "label" and backbone.kind == "encoder" and not uses_head(backbone, task)


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
            "lower --max-answer-tokens",
        )
    return min(wanted, room)


def window_limit(backbone: Backbone, budget: Budget) -> int:
    """Tokens of a window of plain text, with room for what methods learn in front."""
    limit = backbone.position_limit()
    return budget.max_input_tokens if limit is None else min(budget.max_input_tokens, limit - limit // LEFT_FREE)


def with_room(backbone: Backbone, budget: Budget, learned: int) -> Budget:
    """The same budget, its inputs short enough for `learned` tokens in front of them where positions are numbered."""
    if learned == 0 or backbone.position_limit() is None:
        return budget
    endless = dataclasses.replace(budget, max_input_tokens=backbone.position_limit())
    return dataclasses.replace(
        budget, max_input_tokens=min(budget.max_input_tokens, input_limit(backbone, endless) - learned)
    )


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
    cut = np.array([made.cut_inputs, made.cut_answers])
    flat = {"classes": made.classes, "cut": cut, "owners": made.owners, "pieces": made.pieces}
    for name, rows in (("inputs", made.inputs), ("answers", made.answers)):
        flat[name] = np.concatenate([*rows, np.zeros(0, np.int32)]).astype(np.int32)
        flat[f"{name}_ends"] = np.cumsum([len(r) for r in rows], dtype=np.int64)
    files.write_bytes(folder, arrays.save(flat))


def kept(path: Path) -> Plan:
    """Read a plan."""
    flat = arrays.load(path.read_bytes())
    rows = {n: tuple(np.split(flat[n], flat[f"{n}_ends"][:-1])) for n in ("inputs", "answers")}
    more = {name: flat[name] for name in ("owners", "pieces") if name in flat}  # plans of older studies have none
    return Plan(rows["inputs"], rows["answers"], flat["classes"], *(int(c) for c in flat["cut"]), **more)


def key(
    backbone: Backbone, task: Any, examples: Sequence[Example], budget: Budget, shots: Sequence[Example] = ()
) -> str:
    """Name of the plan: equal for everything that makes equal tokens."""
    digest = hashlib.sha256(backbone.tokenizer.backend_tokenizer.to_str().encode())
    facts = [
        repr(task),
        backbone.kind,
        window_limit(backbone, budget) if task.kind == "read" else input_limit(backbone, budget),
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
    lead: list[dict[str, str]] = []
    for s in shots:
        lead += [turn for turn in task.messages(s) if turn["role"] != "system"]
        lead.append({"role": "assistant", "content": s.references[0]})
    for e in examples:
        own = task.messages(e)
        system, said = [m for m in own if m["role"] == "system"], [m for m in own if m["role"] != "system"]

        def without(dropped: int, system: Any = system, said: Any = said) -> list[int]:
            return backbone.chat_ids([*system, *lead, *said[dropped:]])

        ids, dropped = without(0), 0
        if len(ids) > limit:  # halving: a chat of many turns is not read once for each
            dropped = bisect_left(range(len(said) - 1), True, key=lambda turns: len(without(turns)) <= limit)
            ids = without(dropped)
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


def _plan_documents(backbone: Backbone, task: Any, examples: Sequence[Example], limit: int, most: int) -> Plan:
    """Every token of every document as a label, once: a row is a window of one document and what stands before it.

    Args:
        limit: tokens of a row; most: tokens that an encoder-decoder writes of them.
    """
    if backbone.kind == "encoder":
        raise Refused(
            f"{backbone.name} is an encoder: it sees both sides of a word, so no text has a likelihood under it.",
            "causal models and encoder-decoders",
            "choose another backbone for --task read",
        )
    words = backbone.tokenizer
    documents = words([task.prompt_text(e) for e in examples], add_special_tokens=False, verbose=False)["input_ids"]
    inputs, answers, owners = [], [], []
    for number, ids in enumerate(documents):
        for before, window in windows(backbone, [*ids, words.eos_token_id], (limit, most, task.overlap)):
            inputs.append(np.array(before, np.int32))
            answers.append(np.array(window, np.int32))
            owners.append(number)
    return Plan(tuple(inputs), tuple(answers), np.full(len(inputs), LABEL, np.int32), owners=np.array(owners, np.int32))


def windows(backbone: Backbone, ids: list[int], sizes: tuple[int, int, int]) -> Iterator[tuple[list[int], list[int]]]:
    """(what is read, what is predicted behind it): together the whole of `ids`, each token predicted once.

    Args:
        sizes: tokens of a row, tokens that an encoder-decoder writes of them, and of overlap between two windows.
    """
    limit, most, overlap = sizes
    words = backbone.tokenizer
    if backbone.kind == "seq2seq":
        ends = words("", verbose=False)["input_ids"] or [words.eos_token_id]
        size = -(-len(ids) // max(2, -(-len(ids) // most)))
        for start in range(0, len(ids), size):
            yield [*ends[:-1], *ids[max(0, start - limit + len(ends)) : start], ends[-1]], ids[start : start + size]
        return
    first = words.eos_token_id if words.bos_token_id is None else words.bos_token_id
    overlap, start = min(overlap, limit // 2), 0
    while start < len(ids):
        before = ids[max(0, start - overlap) : start] or [first]
        window = ids[start : start + limit - len(before) + 1]  # the last of them is predicted and not read
        yield before, window
        start += len(window)


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


def _plan_slots(
    backbone: Backbone, task: Any, examples: Sequence[Example], limit: int, shots: Sequence[Example]
) -> Plan:
    pieces, shown = slots.pieces(backbone, task), ""
    for s in shots:
        before, behind = task.around(s)
        shown += f"{before}{word_of(task, s.references[0])}{behind}\n\n"
    made = [slots.row(backbone, task, e, (shown, pieces.shape[1], limit)) for e in examples]
    classes = np.array([task.labels.index(e.references[0]) for e in examples], np.int32)
    inputs, empty = tuple(np.array(ids, np.int32) for ids, _ in made), np.zeros(0, np.int32)
    return Plan(inputs, (empty,) * len(made), classes, sum(cut for _, cut in made), pieces=pieces)


def _tail(backbone: Backbone, task: Any) -> list[int]:
    """Ids of what the template says behind its last column, and the tokenizer's own end."""
    behind = task.prompt.partition(SLOT)[0].rsplit("}", 1)[-1]
    inner = backbone.tokenizer(behind, add_special_tokens=False, verbose=False)["input_ids"] if behind else []
    plain = backbone.tokenizer("", verbose=False)["input_ids"]
    ends = [i for i in plain if i == backbone.tokenizer.eos_token_id] if backbone.kind == "seq2seq" else []
    return [*inner, *ends[-1:]]
