"""Layers that are computed again for their gradient: the same training in less memory."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import tiny
import torch

from luthier.backbone import Backbone
from luthier.families import FAMILIES
from luthier.pretrained import recomputed
from luthier.train import Training

DROPOUT = {
    "t5": {"dropout_rate": 0.1},
    "bart": {"dropout": 0.1},
    "bert": {"hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1},
    "gpt2": {"resid_pdrop": 0.1, "attn_pdrop": 0.1},
    "bloom": {"hidden_dropout": 0.1, "attention_dropout": 0.1},
}
LORA = "lora(rank=2, dropout=0.2)"
TRIED = [
    *((family, LORA) for family in ("t5", "bart", "bert", "gpt2", "bloom", "llama", "gemma2", "modernbert", "opt")),
    *(("bloom", word) for word in ("prefix(tokens=3)", "prompt(tokens=3)")),
    *(("llama", word) for word in ("prefix(tokens=3)", "full(learning_rate=0.001)", "peft('VERA', r=4)")),
    ("t5", "dora(rank=2)"),
]


def backbone(family):
    kind = FAMILIES[family].kind
    return Backbone.of(tiny.model(family, **DROPOUT.get(family, {})), tiny.tokenizer(kind), family)


def trained(bone, word, recompute):
    made = tiny.delta(bone, word)
    run = Training(bone, made, tiny.plan(bone), tiny.budget(steps=4, recompute=recompute), 1e-2, seed=5)
    losses = [step.loss for step in run.steps()]
    return losses, {name: weight.detach().clone() for name, weight in run.weights.items()}


@pytest.mark.parametrize(("family", "word"), TRIED)
def test_training_goes_the_same_way(family, word):
    bone = backbone(family)
    plain, again = (trained(bone, word, recompute) for recompute in (False, True))
    assert plain[0] == pytest.approx(again[0], abs=1e-5) and plain[0][0] != plain[0][-1]
    for name, weight in plain[1].items():
        torch.testing.assert_close(again[1][name], weight, rtol=0, atol=1e-5)
    bone.check_untouched()


def flags(model):
    return [(name, value) for module in model.modules() for name, value in vars(module).items() if "checkpoint" in name]


def test_layers_run_twice_in_training_only_and_are_left_as_they_were():
    bone, calls = backbone("llama"), []
    before = flags(bone.model)
    bone.model.model.layers[0].mlp.register_forward_hook(lambda *_: calls.append(1))
    trained(bone, LORA, recompute=False)
    once = len(calls)
    trained(bone, LORA, recompute=True)
    assert len(calls) - once == 2 * once
    calls.clear()
    with recomputed(bone.model.eval()):
        tiny.scores(bone, tiny.delta(bone, LORA))
    assert len(calls) == 1
    assert flags(bone.model) == before


MEASURE = """
import json, sys
import numpy as np
from luthier.backbone import Backbone
from luthier.bases import tinies
from luthier.encode import Plan
from luthier.methods import METHODS
from luthier.records import Budget
from luthier.spell import parse
from luthier.train import Training, peak_bytes

model = tinies.model("llama", layers=8, hidden_size=32, intermediate_size=256, max_position_embeddings=512)
bone = Backbone.of(model, tinies.tokenizer("causal"))
rows = tuple(np.full(255, 9, np.int32) for _ in range(16))
made = Plan(rows, tuple(np.full(2, 9, np.int32) for _ in rows), np.full(len(rows), -1, np.int32))
budget = Budget(steps=1, batch_tokens=int(sys.argv[2]), recompute=sys.argv[1] == "again")
before = peak_bytes()
list(Training(bone, parse("lora", METHODS).delta(bone), made, budget, 1e-3, seed=0).steps())
print(json.dumps(peak_bytes() - before))
"""


def peak(how, tokens=8192):
    """Bytes that a training step adds to a process of its own."""
    asked = subprocess.run(
        [sys.executable, "-c", MEASURE, how, str(tokens)], capture_output=True, text=True, check=True
    )
    return json.loads(asked.stdout)


@pytest.mark.matrix  # three processes of some seconds each
def test_the_peak_of_a_process_falls():
    whole, again, smaller = peak("once"), peak("again"), peak("once", 1024)
    assert again < 0.4 * whole, f"{again / 1e6:.0f} of {whole / 1e6:.0f} MB"
    assert smaller < 0.6 * whole, "passes of fewer tokens keep less"
