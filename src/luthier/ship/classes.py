"""Rows that want a class: heads of several deltas on one pass over the backbone, label words delta by delta.

Shapes: B rows, I width, L labels.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np
from torch import Tensor

from ..backbone import Backbone
from ..batches import collate
from ..encode import LABEL, Plan
from ..predict import word_scores
from .ask import Ask
from .seats import Seats


def answer_classes(backbone: Backbone, asks: Sequence[Ask], seats: Seats, words: threading.Lock) -> None:
    """Fill `shares` and `text` of each row; `words` is held while the tokenizer works."""
    by_head = [ask for ask in asks if ask.served.delta.head is not None]
    if by_head:
        seats.rows_are(by_head)
        layouts = [ask.served.layout for ask in by_head]
        batch = collate(_plan(by_head), range(len(by_head)), layouts, backbone.device)
        more = {} if batch.positions_BS is None else {"position_ids": batch.positions_BS}
        pooled_BI = backbone.pooled(batch.ids_BS, batch.mask_BS, **more)
        for row, ask in enumerate(by_head):
            _fill([ask], ask.served.delta.head(pooled_BI[[row]]))
    by_words = [ask for ask in asks if ask.served.delta.head is None]
    for served in dict.fromkeys(ask.served for ask in by_words):
        mine = [ask for ask in by_words if ask.served is served]
        seats.all_rows_are(mine[0])
        with words:
            labels = served.label_ids
        _fill(mine, word_scores(backbone, served.delta, labels, _plan(mine), range(len(mine))))


def _plan(asks: Sequence[Ask]) -> Plan:
    empty = np.zeros(0, np.int32)
    return Plan(tuple(a.ids for a in asks), (empty,) * len(asks), np.full(len(asks), LABEL, np.int32))


def _fill(asks: Sequence[Ask], scores_BL: Tensor) -> None:
    for ask, shares_L in zip(asks, scores_BL.float().softmax(-1).tolist()):
        ask.shares = dict(zip(ask.served.task.labels, shares_L))
        ask.text = max(ask.shares, key=ask.shares.__getitem__)
