"""The one training loop: a generator of steps that any caller may log, plot, checkpoint or stop.

Nothing in it knows a method. Everything random is a function of (seed, step): the rows of a batch, their order and
the dropout masks, so that a loop that starts from a checkpoint goes on bit for bit as if it had never stopped.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .backbone import Backbone
from .batches import Batch, Layout, batch_rows, collate, micro_batches, total_steps
from .delta import Delta, attach
from .encode import Plan
from .errors import Refused, TrialFailed
from .machine import most_resident_bytes
from .ops.label_loss import label_loss
from .records import Budget, Step

HEAD_RATE = 4e-3
"""Fastest that a class head learns. It is an ordinary layer with random weights: rates that suit learned rows or
factors (prompts, IA3) throw it about until no method can learn behind it."""


class Training:
    """One delta on its way: where it stands, and the optimiser's memory.

    Args:
        rate: peak learning rate.
        seed: of batches and dropout; the delta's own start was drawn by the caller.

    Raises:
        Refused: nothing to train, or a row is too long for the backbone's positions.
    """

    def __init__(self, backbone: Backbone, delta: Delta, made: Plan, budget: Budget, rate: float, seed: int) -> None:
        self.backbone, self.delta, self.made, self.budget = backbone, delta, made, budget
        self.rate, self.seed, self.step = rate, seed, 0
        self.total = total_steps(len(made), budget)
        self.layout = Layout.of(backbone, delta)
        tokens_N = made.lengths.sum(1) if backbone.kind == "causal" else made.lengths[:, 0]
        self.layout.check_room(int(tokens_N.max(initial=0)) + self.layout.virtual)
        self.weights = delta.trained()
        if not self.weights:
            raise Refused(
                "There is nothing to train in this delta.", "a method with trained parameters", "use predict for it"
            )
        self.optimizer = _optimizer(delta, budget, rate)

    def steps(self) -> Iterator[Step]:
        """Train from where it stands to the end, one `Step` after each update.

        Raises:
            TrialFailed: a loss or gradient is not a number; no weight was updated with it.
        """
        while self.step < self.total:
            started = time.perf_counter()
            # Attached and in training mode only while gradients form: between two steps the caller may evaluate, and
            # what a delta made of its weights for a pass is gone when the optimiser needs memory.
            self.backbone.model.train()
            self.delta.train()
            try:
                with attach(self.backbone.model, self.delta), self.backbone.recomputing(self.budget.recompute):
                    loss, tokens = self._gradients()
            finally:
                self.backbone.model.eval()
                self.delta.eval()
            norm, rate = self._update(loss)
            yield Step(self.step, loss, rate, tokens, time.perf_counter() - started, peak_bytes(), norm)

    def _gradients(self) -> tuple[float, int]:
        """Add up the gradients of a batch; returns its mean loss and its tokens."""
        rows = batch_rows(self.made, self.budget, self.seed, self.step)
        passes = micro_batches(self.made, rows, self.budget.batch_tokens)
        labels = sum(max(1, len(self.made.answers[r])) for r in rows)
        loss, tokens = 0.0, 0
        for number, part in enumerate(passes):
            # Dropout masks follow from (seed, step, pass); odd multipliers keep the three apart.
            torch.manual_seed((self.seed * 1_000_003 + self.step) * 1_009 + number)
            batch = collate(self.made, part, self.layout, self.backbone.device)
            part_loss = loss_sum(self.backbone, self.delta, batch) / labels
            part_loss.backward()
            loss, tokens = loss + part_loss.item(), tokens + batch.tokens
        return loss, tokens

    def _update(self, loss: float) -> tuple[float, float]:
        """Take a step by the gradients there are; returns their norm and the rate."""
        norm = nn.utils.clip_grad_norm_(self.weights.values(), self.budget.clip).item()
        if not (math.isfinite(loss) and math.isfinite(norm)):
            self.optimizer.zero_grad()
            raise TrialFailed(f"diverged at step {self.step + 1}: loss {loss}, gradient norm {norm}")
        share = schedule(self.step, self.total, self.budget)
        for group in self.optimizer.param_groups:
            group["lr"] = share * group["peak"]
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.step += 1
        return norm, share * self.rate

    # -- checkpoint ---------------------------------------------------------------------------------------------------

    def tensors(self) -> dict[str, Tensor]:
        """Everything that the next step depends on besides (seed, step): weights and the optimiser's memory."""
        state = {f"weight.{n}": p.detach() for n, p in self.weights.items()}
        for name, parameter in self.weights.items():
            for key, value in self.optimizer.state.get(parameter, {}).items():
                if isinstance(value, Tensor):
                    state[f"optimizer.{key}.{name}"] = value
        return state

    def restore(self, step: int, tensors: Mapping[str, Tensor]) -> None:
        """Go on from `tensors()` of a training with the same arguments."""
        with torch.no_grad():
            for name, parameter in self.weights.items():
                parameter.copy_(tensors[f"weight.{name}"])
        for name, parameter in self.weights.items():
            memory = {
                key.split(".", 2)[1]: value.to(parameter.device, copy=True)
                for key, value in tensors.items()
                if key.startswith("optimizer.") and key.split(".", 2)[2] == name
            }
            if memory:
                self.optimizer.state[parameter] = memory
        self.step = step


def loss_sum(backbone: Backbone, delta: Delta, batch: Batch) -> Tensor:
    """Summed negative log-likelihood of the batch's labels (nats); only label positions pass the output head."""
    if delta.head is not None:
        return F.cross_entropy(class_logits(backbone, delta, batch), batch.labels_N, reduction="sum")
    if batch.pieces_LK is not None:
        return F.cross_entropy(slot_scores(backbone, batch, batch.pieces_LK), batch.labels_N, reduction="sum")
    head = backbone.plain_head()
    if head is None:
        return F.cross_entropy(label_logits(backbone, batch).float(), batch.labels_N, reduction="sum")
    with backbone.read_before_head(batch.wanted) as found:
        _pass(backbone, batch)
    return label_loss(found[0], head.weight, head.bias, batch.labels_N)


def label_logits(backbone: Backbone, batch: Batch) -> Tensor:
    """Logits at the positions whose next token is a label, (N, V)."""
    with backbone.only_at(batch.wanted):
        return _pass(backbone, batch).logits


def _pass(backbone: Backbone, batch: Batch) -> Any:
    assert batch.wanted is not None, "a batch of classes has no label positions"
    more: dict[str, Any] = {"use_cache": False}
    if batch.positions_BS is not None:
        more["position_ids"] = batch.positions_BS
    if batch.decoder_BT is not None:
        more["decoder_input_ids"] = batch.decoder_BT
    return backbone.model(input_ids=batch.ids_BS, attention_mask=batch.mask_BS, **more)


def class_logits(backbone: Backbone, delta: Delta, batch: Batch) -> Tensor:
    """The head's logits, (B, labels)."""
    assert delta.head is not None, "this delta has no head"
    more = {} if batch.positions_BS is None else {"position_ids": batch.positions_BS}
    return delta.head(backbone.pooled(batch.ids_BS, batch.mask_BS, **more))


def slot_scores(backbone: Backbone, batch: Batch, pieces_LK: Tensor) -> Tensor:
    """How well each label's word fits an encoder's masks, (B, L).

    A word of k pieces scores K/k times the summed log-probabilities of its pieces at the first k of K masks.

    Source: Schick and Schütze 2021, "Exploiting Cloze Questions for Few Shot Text Classification and Natural Language
        Inference", arXiv:2001.07676, §3.1; several masks: "It's Not Just Size That Matters", arXiv:2009.07118, §3.
    """
    slots_BS = batch.ids_BS == backbone.tokenizer.mask_token_id
    with backbone.only_at(slots_BS):
        said = backbone.model(input_ids=batch.ids_BS, attention_mask=batch.mask_BS)
    logits_NV = said.prediction_logits if "prediction_logits" in said else said.logits
    likely_BKV = logits_NV.float().log_softmax(-1).unflatten(0, (len(batch.ids_BS), -1))
    slots_K = torch.arange(pieces_LK.shape[1], device=pieces_LK.device)
    own_LK = (pieces_LK >= 0).float()
    likely_BLK = likely_BKV[:, slots_K, pieces_LK.clamp_min(0)] * own_LK
    return likely_BLK.sum(-1) * pieces_LK.shape[1] / own_LK.sum(-1)


def mean_loss(backbone: Backbone, delta: Delta, made: Plan, budget: Budget) -> float:
    """Negative log-likelihood per label over a whole plan, without gradients."""
    layout, total, labels = Layout.of(backbone, delta), 0.0, 0
    with torch.no_grad(), attach(backbone.model, delta):
        for part in micro_batches(made, np.arange(len(made)), budget.batch_tokens):
            batch = collate(made, part, layout, backbone.device)
            total += loss_sum(backbone, delta, batch).item()
            labels += len(batch.labels_N)
    return total / labels


def schedule(step: int, total: int, budget: Budget) -> float:
    """Share of the peak learning rate at `step` (from 0)."""
    warm = math.ceil(budget.warmup * total)
    if step < warm:
        return (step + 1) / warm
    left = (total - step) / max(1, total - warm)
    if budget.schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * (1 - left)))
    return 1.0 if budget.schedule == "constant" else left


def peak_bytes() -> int:
    """Highest memory so far: of the device where there is one, else of this process."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    return most_resident_bytes()


def _optimizer(delta: Delta, budget: Budget, rate: float) -> torch.optim.Optimizer:
    head = [] if delta.head is None else list(delta.head.parameters())
    known = set(map(id, head))
    rest = [p for p in delta.trained().values() if id(p) not in known]
    found = [{"params": rest, "peak": rate}, {"params": head, "peak": min(rate, HEAD_RATE)}]
    groups = [group for group in found if group["params"]]
    if budget.optimizer == "adafactor":
        return torch.optim.Adafactor(groups, lr=rate, weight_decay=budget.weight_decay)
    return torch.optim.AdamW(groups, lr=rate, weight_decay=budget.weight_decay, fused=True)
