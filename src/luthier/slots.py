"""Label words at an encoder's masks: a prompt with a slot, and the word pieces that compete there.

    pieces(backbone, task)                           # (labels, K): what may stand at the K masks
    row(backbone, task, example, ("", K, limit))     # its prompt with K masks at the slot, and whether it was cut

Source: Schick and Schütze 2021, "Exploiting Cloze Questions for Few Shot Text Classification and Natural Language
Inference", arXiv:2001.07676, §3.1 (a pattern and a verbaliser); words of several pieces: Schick and Schütze 2021, "It's
Not Just Size That Matters", arXiv:2009.07118, §3 (as many masks as the longest word needs, read in one pass; the masks
that a shorter word does not need are passed over).
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from .backbone import Backbone
from .errors import DataError, Refused
from .records import Example
from .tasks.template import SLOT, columns_of


def pieces(backbone: Backbone, task: Any) -> np.ndarray:
    """Ids of every label's word as it stands at the slot, (labels, K) int64; -1 behind the shorter ones.

    Raises:
        Refused: a tokenizer without a mask, or words that it does not know or cannot tell apart.
    """
    words = backbone.tokenizer
    if words.mask_token_id is None:
        raise Refused(f"The tokenizer of {backbone.name} has no mask.", "a class head", "leave head=False out")
    space = " " * task.prompt.partition(SLOT)[0].endswith(" ")
    named = dict(zip(task.labels, task.words or task.labels))
    found = {w: words(space + w, add_special_tokens=False, verbose=False)["input_ids"] for w in named.values()}
    for word, ids in found.items():
        twin = next((w for w, other in found.items() if w != word and other == ids), None)
        if not ids or words.unk_token_id in ids or twin is not None:
            why = f"is the same as {twin!r} to" if twin is not None else "is unknown to"
            raise Refused(
                f"The label word {word!r} {why} {backbone.name}.",
                "different words of its vocabulary",
                "name them: classify(words=('good','bad')), in the order of the labels",
            )
    most = max(map(len, found.values()))
    return np.array([[*found[w], *[-1] * (most - len(found[w]))] for w in named.values()], np.int64)


def row(backbone: Backbone, task: Any, example: Example, frame: tuple[str, int, int]) -> tuple[list[int], bool]:
    """The prompt of a row with its masks; of a row that is too long, the longest column loses its end.

    Args:
        frame: what stands before the prompt, the number of masks, and the tokens there may be in all.

    Raises:
        DataError: nothing of a column would be left.
    """
    limit, cut = frame[2], False
    while len(ids := _ids(backbone, task, example, frame)) > limit:
        name = max(columns_of(task.prompt), key=lambda n: len(example.fields[n]))
        text = example.fields[name]
        found = backbone.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        ends = [end for _, end in found["offset_mapping"]]
        kept = len(ends) - (len(ids) - limit)
        if kept < 1:
            raise DataError(
                f"The prompt alone needs more than {limit - 1} tokens, so nothing of a long row would be left.",
                f"fewer than {limit}",
                "shorten --prompt, show fewer examples or raise --max-input-tokens",
            )
        shorter = min(ends[kept - 1], len(text) - 1)
        example = dataclasses.replace(example, fields={**example.fields, name: text[:shorter]})
        cut = True
    return ids, cut


def _ids(backbone: Backbone, task: Any, example: Example, frame: tuple[str, int, int]) -> list[int]:
    shown, masks, _ = frame
    words, (before, behind) = backbone.tokenizer, task.around(example)
    # a mask within the text is no slot
    plain = [
        words(t, add_special_tokens=False, verbose=False)["input_ids"] for t in (shown + before.rstrip(" "), behind)
    ]
    left, right = ([i if i != words.mask_token_id else words.unk_token_id for i in ids] for ids in plain)
    ends = words("", verbose=False)["input_ids"]
    if words.unk_token_id is None and words.mask_token_id in (*plain[0], *plain[1]):
        raise DataError(
            f"Row {example.id!r} holds the text {words.mask_token!r}, which is this tokenizer's mask.",
            "other words",
            "take it out of the row",
        )
    return [*ends[:1], *left, *[words.mask_token_id] * masks, *right, *ends[1:]]
