"""A search costs every method the same, leaves no trace in the training that follows, and survives a kill."""

from __future__ import annotations

import dataclasses
import itertools

import pytest
import tiny
import torch

from luthier import search as rules
from luthier.errors import TrialFailed
from luthier.methods import METHODS, LoRA, PromptTuning
from luthier.records import Probe
from luthier.search import SEED, Ground, Probes, pace, settle
from luthier.spell import parse
from luthier.train import Training

STEPS = 3
FINDINGS = ("method", "learning_rate", "steps", "dev_loss", "tokens", "kept")


@pytest.fixture(autouse=True)
def short_probes(monkeypatch):
    """Five probes of one step, four of two: the race is the same, only shorter."""
    monkeypatch.setattr(rules, "LEAST_STEPS", 1)


def ground(family, word, watch=lambda done, total: None, **budget):
    bone = tiny.shared(family, layers=1)
    limits = tiny.budget(**({"steps": STEPS} | budget))
    return Ground(
        bone, lambda form: tiny.delta(bone, repr(form), SEED), tiny.plan(bone), tiny.plan(bone), limits, watch
    )


def search(place, word, family="t5", watch=lambda done, total: None, **budget):
    return settle(ground(family, word, watch, **budget), parse(word, METHODS), place)


def findings(settled):
    return [{k: c[k] for k in FINDINGS} for c in settled.search["candidates"]]


WORDS = [parse(word, METHODS).word if "learning_rate" in word else word for word in tiny.METHODS if "peft" not in word]


OPEN = ["lora", "prompt(tokens=5)", "prefix"]
"""With a structure that the search chooses."""


@pytest.mark.parametrize(
    ("family", "words", "steps"),
    [("t5", WORDS + OPEN[:2], 1), ("bert", [*WORDS[:2], "lora", "prompt"], STEPS)],
    ids=["t5", "bert"],
)
def test_every_method_gets_the_same_tokens(family, words, steps, tmp_path):
    spent, shape = set(), set()
    for word in words:
        found = search(tmp_path / word, word, family, steps=steps).search
        refused = [c["method"] for c in found["candidates"] if c["dev_loss"] is None]
        assert refused in ([], ["prompt(tokens=100)"]), "100 tokens do not fit into bert's 96 positions"
        assert found["tokens"] == sum(c["tokens"] for c in found["candidates"])
        spent.add(found["tokens"])
        shape.add(tuple((c["steps"], c["tokens"]) for c in found["candidates"] if c["tokens"]))
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

    def loss(word, rate):
        run = Training(bone, tiny.delta(bone, word, SEED), tiny.plan(bone), tiny.budget(steps=1), rate, SEED)
        list(run.steps())
        return mean_loss(bone, run.delta, tiny.plan(bone), tiny.budget())

    losses = {("lora(rank=8)", rate): loss("lora(rank=8)", rate) for rate in LoRA().candidates(bone)}
    _, best = min(losses, key=losses.__getitem__)
    losses |= {(word, best): loss(word, best) for word in ("lora(rank=2)", "lora(rank=32)")}
    found = {(c["method"], c["learning_rate"]): c["dev_loss"] for c in settled.search["candidates"]}
    assert found == losses
    assert (repr(settled.method), settled.rate) == min(losses, key=losses.__getitem__)
    assert settled.search["method"] == repr(settled.method)


def test_a_structure_that_the_backbone_refuses_is_lost_and_the_card_stays(tmp_path):
    """100 virtual tokens do not fit into 96 positions; 5 and a random start do."""
    settled = search(tmp_path, "prompt", "gpt2", steps=1)
    lost = [c for c in settled.search["candidates"] if c["dev_loss"] is None]
    assert [c["method"] for c in lost] == ["prompt(tokens=100)"] and lost[0]["tokens"] == 0
    assert settled.method.value("tokens") == PromptTuning().value("tokens")
    assert "prompt(tokens=100) was lost in the search" in settled.caveats


def test_a_diverging_candidate_is_lost_and_all_of_them_fail(tmp_path, monkeypatch):
    monkeypatch.setattr(rules, "LEAST_STEPS", 2)
    monkeypatch.setattr(LoRA, "candidates", lambda self, bone: (1e-3, 1e10, 1e20))
    settled = search(tmp_path / "some", "lora(rank=8)", "gpt2")
    lost = {c["learning_rate"] for c in settled.search["candidates"] if c["dev_loss"] is None}
    assert settled.rate < 1e10 and lost == {1e10, 1e20}
    assert any("2 of 5" in c and "diverged" in c for c in settled.caveats)
    monkeypatch.setattr(LoRA, "candidates", lambda self, bone: (1e10, 1e20))
    with pytest.raises(TrialFailed, match="every learning rate"):
        search(tmp_path / "all", "lora(rank=8)", "gpt2")
    tiny.shared("gpt2", layers=1).check_untouched()


def test_no_search_takes_the_default_and_a_set_rate_stands(tmp_path):
    plain = search(tmp_path / "plain", "lora", search=0.0)
    assert plain.rate == LoRA().rate(tiny.shared("t5", layers=1)) and plain.search is None
    assert any("learning rate and rank are the card's defaults" in c for c in plain.caveats)
    assert plain.method == LoRA(rank=8)
    chosen = search(tmp_path / "set", "lora(rank=4, learning_rate=0.02)")
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
    twice = pace(ground("t5", "lora", equal="seconds", seconds=1e-9, steps=None), LoRA(rank=8))
    assert twice.steps == 1 and twice.timed_steps == 1, "a stretch stops at a tenth of the seconds"


def test_a_file_of_probes_from_another_length_is_not_believed(tmp_path):
    plain = LoRA(rank=8)
    probes = Probes(tmp_path / "p.json", ground("t5", "lora"), 10, plain)
    short = probes.of(plain, 1e-3, 2)
    assert probes.of(plain, 1e-3, 4) != short and probes.of(LoRA(rank=4), 1e-3, 2) != short
    assert [p.steps for p in Probes(tmp_path / "p.json", ground("t5", "lora"), 10, plain).finished] == [2, 4, 2]
    assert dataclasses.asdict(short).keys() == {f.name for f in dataclasses.fields(Probe)}


def test_probes_that_learn_nothing_leave_the_card_s_defaults(tmp_path, monkeypatch):
    """Below the loss before any training there is nothing to choose from: the lowest loss is the smallest step's."""
    monkeypatch.setattr(LoRA, "candidates", lambda self, bone: (3.0, 10.0, self.rate(bone) + 30, 50.0, 60.0))
    monkeypatch.setattr(rules, "mean_loss", lambda *asked: 9.0 if asked[1].training else 1.0)
    settled = search(tmp_path, "lora", steps=1)
    assert (repr(settled.method), settled.rate) == ("lora(rank=8)", LoRA().rate(tiny.shared("t5", layers=1)))
    assert settled.caveats == ("no probe of the search learned anything, so the card's defaults were taken",)
