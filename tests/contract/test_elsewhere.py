"""On a device that is not the CPU every method learns and says what it does on the CPU."""

from __future__ import annotations

import elsewhere
import pytest
import tiny
import torch
from elsewhere import DEVICE, Misplaced, There

from luthier.batches import Layout
from luthier.decode import Decoding
from luthier.delta import attach
from luthier.train import Training, mean_loss

FAMILIES = ("t5", "bart", "bert", "gpt2", "bloom", "qwen3")
OURS = [word for word in tiny.METHODS if not word.startswith("peft")]
"""`peft(...)` tells tensors apart by their address, and here they have none."""
DECODING = Decoding(max_new_tokens=6, min_new_tokens=1)
RATE = 1e-3


def test_tensors_of_two_devices_do_not_meet():
    here = torch.ones(2, 3)
    with elsewhere.played():
        there = here.to(DEVICE)
        assert isinstance(there, There) and there.device == DEVICE and torch.arange(2, device=DEVICE).device == DEVICE
        with pytest.raises(Misplaced, match="two devices"):
            there + here
        with pytest.raises(Misplaced, match="two devices"):
            torch.cat([there, here])
        assert (there * 2 + torch.tensor(1.0)).sum().item() == 18, "a single number may come from anywhere"
        assert torch.equal(there.cpu(), here) and there.cpu() is not here
        assert torch.tensor([5, 7], device=DEVICE).tolist() == [5, 7]
        with pytest.raises(RuntimeError):
            there.numpy()


def lived(bone, word: str) -> tuple[list[float], list]:
    """Losses of three steps, the last one after a restart, and what is said then, one delta and two in a batch."""
    made, plan = tiny.delta(bone, word), tiny.plan(bone)
    first = Training(bone, made, plan, tiny.budget(steps=2), RATE, seed=0)
    losses = [step.loss for step in first.steps()]
    kept = {name: tensor.detach().cpu().clone() for name, tensor in first.tensors().items()}
    shipped = {name: tensor.detach().cpu().clone() for name, tensor in made.shipped().items()}
    again = Training(bone, made, plan, tiny.budget(steps=3), RATE, seed=0)
    again.restore(2, kept)
    losses += [step.loss for step in again.steps()]
    made.load_shipped(shipped)
    losses.append(mean_loss(bone, made, plan, tiny.budget()))
    made.eval()
    if bone.kind == "encoder":
        return losses, tiny.scores(bone, made).cpu().tolist()
    layout, other = Layout.of(bone, made), tiny.delta(bone, "ia3", seed=1)
    layouts = [layout, Layout.of(bone, other), layout]
    inputs = [own.row(plan.inputs[row]) for row, own in enumerate(layouts)]
    with torch.inference_mode(), attach(bone.model, made, other) as call:
        call.rows = [torch.tensor([0, 2], device=bone.device), torch.tensor([1], device=bone.device)]
        return losses, tiny.greedy(bone, layouts, inputs, DECODING, call)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("word", OURS)
def test_a_method_learns_and_says_the_same(family, word):
    losses, said = lived(tiny.backbone(family, layers=1), word)
    with elsewhere.played():
        losses_there, said_there = lived(elsewhere.moved(tiny.backbone(family, layers=1)), word)
    assert losses_there == pytest.approx(losses, abs=2e-5)
    assert said_there == (said if family != "bert" else [pytest.approx(row, abs=2e-5) for row in said])
