"""A search costs every method the same, leaves no trace in the training that follows, and survives a kill."""

from __future__ import annotations

import dataclasses
import itertools

import pytest
import tiny
import torch

from luthier import search as rules
from luthier.errors import TrialFailed
from luthier.methods import METHODS, LoRA
from luthier.records import Probe
from luthier.search import SEED, Ground, Probes, pace, settle
from luthier.spell import parse
from luthier.train import Training

STEPS = 3
FINDINGS = ("learning_rate", "steps", "dev_loss", "tokens", "kept")


@pytest.fixture(autouse=True)
def short_probes(monkeypatch):
    """Five probes of one step, two of three: the race is the same, only shorter."""
    monkeypatch.setattr(rules, "LEAST_STEPS", 1)


def ground(family, word, watch=lambda done, total: None, **budget):
    bone = tiny.shared(family, layers=1)
    limits = tiny.budget(**({"steps": STEPS} | budget))
    return Ground(bone, lambda: tiny.delta(bone, word, SEED), tiny.plan(bone), tiny.plan(bone), limits, watch)


def search(place, word, family="t5", watch=lambda done, total: None, **budget):
    return settle(ground(family, word, watch, **budget), parse(word, METHODS), place)


def findings(settled):
    return [{k: c[k] for k in FINDINGS} for c in settled.search["candidates"]]


WORDS = [parse(word, METHODS).word if "learning_rate" in word else word for word in tiny.METHODS if "peft" not in word]


@pytest.mark.parametrize(
    ("family", "words", "steps"), [("t5", WORDS, 1), ("bert", WORDS[:2], STEPS)], ids=["t5", "bert"]
)
def test_every_method_gets_the_same_tokens(family, words, steps, tmp_path):
    spent, shape = set(), set()
    for word in words:
        found = search(tmp_path / word, word, family, steps=steps).search
        assert all(c["dev_loss"] is not None for c in found["candidates"]), f"{word} lost a candidate"
        assert found["tokens"] == sum(c["tokens"] for c in found["candidates"])
        spent.add(found["tokens"])
        shape.add(tuple((c["steps"], c["tokens"]) for c in found["candidates"]))
    assert len(spent) == len(shape) == 1, "tokens or steps differ between methods"


def trained(word, rate, seed=3):
    """A training of its own, begun after whatever happened before."""
    bone = tiny.shared("t5", layers=1)
    run = Training(bone, tiny.delta(bone, word, seed), tiny.plan(bone), tiny.budget(steps=6), rate, seed)
    list(run.steps())
    return run.tensors()


@pytest.mark.parametrize("word", ["lora(rank=4, dropout=0.2)", "full", "prompt(tokens=5)"])
def test_training_after_a_search_is_training_without_one(word, tmp_path):
    settled = search(tmp_path, word)
    after = trained(word, settled.rate)
    bone = tiny.shared("t5", layers=1)
    bone.check_untouched()
    assert not bone.model.training and all(p.grad is None for p in bone.model.parameters())
    torch.manual_seed(99)
    alone = trained(word, settled.rate)
    assert list(after) == list(alone) and all(torch.equal(after[n], alone[n]) for n in after)


class Killed(BaseException):
    pass


@pytest.mark.parametrize("moment", [1, 4, 9])
def test_a_killed_search_goes_on_and_finds_the_same(moment, tmp_path):
    word = "lora(rank=4, dropout=0.2)"
    whole = search(tmp_path / "whole", word)
    heard: list[tuple[int, int]] = []

    def kill(done, total):
        if done == moment:
            raise Killed

    with pytest.raises(Killed):
        search(tmp_path / "cut", word, watch=kill)
    torch.manual_seed(4)
    resumed = search(tmp_path / "cut", word, watch=lambda done, total: heard.append((done, total)))
    assert findings(resumed) == findings(whole) and resumed.rate == whole.rate
    total = sum(c["steps"] for c in whole.search["candidates"])
    ends = list(itertools.accumulate(c["steps"] for c in whole.search["candidates"]))
    finished = max((e for e in ends if e < moment), default=0)
    assert heard[0] == (finished + 1, total) and heard[-1] == (total, total)
    assert len(heard) == total - finished, "a finished probe was run again"
    again: list[int] = []
    assert findings(search(tmp_path / "cut", word, watch=lambda done, _: again.append(done))) == findings(whole)
    assert not again


def test_the_choice_is_the_lowest_loss_of_trainings_made_by_hand(tmp_path):
    """Probes of one rung, against the loop used directly."""
    from luthier.train import mean_loss

    settled, bone = search(tmp_path, "lora", steps=1), tiny.shared("t5", layers=1)
    losses = {}
    for rate in LoRA().candidates(bone):
        run = Training(bone, tiny.delta(bone, "lora", SEED), tiny.plan(bone), tiny.budget(steps=1), rate, SEED)
        list(run.steps())
        losses[rate] = mean_loss(bone, run.delta, tiny.plan(bone), tiny.budget())
    assert {c["learning_rate"]: c["dev_loss"] for c in settled.search["candidates"]} == losses
    assert settled.rate == min(losses, key=losses.__getitem__)


def test_a_diverging_candidate_is_lost_and_all_of_them_fail(tmp_path, monkeypatch):
    monkeypatch.setattr(rules, "LEAST_STEPS", 2)
    monkeypatch.setattr(LoRA, "candidates", lambda self, bone: (1e-3, 1e10, 1e20))
    settled = search(tmp_path / "some", "lora", "gpt2")
    lost = {c["learning_rate"] for c in settled.search["candidates"] if c["dev_loss"] is None}
    assert settled.rate == 1e-3 and lost == {1e10, 1e20}
    assert any("2 of 3" in c and "diverged" in c for c in settled.caveats)
    monkeypatch.setattr(LoRA, "candidates", lambda self, bone: (1e10, 1e20))
    with pytest.raises(TrialFailed, match="every learning rate"):
        search(tmp_path / "all", "lora", "gpt2")
    tiny.shared("gpt2", layers=1).check_untouched()


def test_no_search_takes_the_default_and_a_set_rate_stands(tmp_path):
    plain = search(tmp_path / "plain", "lora", search=0.0)
    assert plain.rate == LoRA().rate(tiny.shared("t5", layers=1)) and plain.search is None
    assert any("card's default" in c for c in plain.caveats)
    chosen = search(tmp_path / "set", "lora(learning_rate=0.02)")
    assert chosen.rate == chosen.search["chosen"] == 0.02 and chosen.search["tokens"] == 0
    assert any("set by the user" in c for c in chosen.caveats)
    assert not list(tmp_path.rglob("probes.json"))


def test_equal_seconds_settles_the_steps_once(tmp_path):
    limits = {"equal": "seconds", "seconds": 2.0, "steps": None, "search": 0.0}
    first = search(tmp_path, "lora", **limits)
    assert first.pace.steps == first.budget.steps > 1
    assert first.pace.steps * first.pace.seconds_per_step == pytest.approx(2.0, rel=0.5)
    again = search(tmp_path, "lora", **(limits | {"seconds": 900.0}))  # what is on disk decides
    assert again.pace == first.pace
    twice = pace(ground("t5", "lora", equal="seconds", seconds=1e-9, steps=None))
    assert twice.steps == 1 and twice.timed_steps == 1, "a stretch stops at a tenth of the seconds"


def test_a_file_of_probes_from_another_length_is_not_believed(tmp_path):
    probes = Probes(tmp_path / "p.json", ground("t5", "lora"), 10)
    short = probes.of(1e-3, 2)
    assert probes.of(1e-3, 4) != short
    assert [p.steps for p in Probes(tmp_path / "p.json", ground("t5", "lora"), 10).finished] == [2, 4]
    assert dataclasses.asdict(short).keys() == {f.name for f in dataclasses.fields(Probe)}
