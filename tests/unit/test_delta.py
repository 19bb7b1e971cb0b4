"""The seam itself: hooks that come, act on their rows, and go."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from luthier.delta import Actor, Delta, Part, Site, attach


class Plus(Actor):
    def __init__(self, amount):
        super().__init__()
        self.amount = nn.Parameter(torch.tensor(float(amount)))

    def after(self, x, y):
        return y + self.amount


class Twice(Actor):
    def before(self, x):
        return 2 * x


class Notes(Actor):
    def __init__(self):
        super().__init__()
        self.seen = []

    def after(self, x, y):
        self.seen.append(x.clone())
        return y


def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 6), nn.Linear(6, 2)).requires_grad_(False)


FIRST, LAST = Site("0", "in", 4, 6), Site("1", "out", 6, 2)
X = torch.arange(12.0).view(3, 4)


def test_actors_change_what_goes_in_and_what_comes_out():
    net = model()
    with attach(net, Delta({FIRST: Twice(), LAST: Plus(1)})):
        changed = net(X)
    torch.testing.assert_close(changed, net[1](net[0](2 * X)) + 1)
    assert not net[0]._forward_pre_hooks and not net[1]._forward_hooks


def test_after_sees_the_input_as_it_came():
    net, notes = model(), Notes()
    with attach(net, Delta({FIRST: Twice()}), Delta({FIRST: notes})):
        net(X)
    assert torch.equal(notes.seen[0], X)


def test_each_delta_acts_on_its_rows():
    net = model()
    plain = net(X)
    with attach(net, Delta({LAST: Plus(1)}), Delta({LAST: Plus(10)})) as call:
        call.rows = [torch.tensor([0]), slice(1, 3)]
        mixed = net(X)
        call.rows = [None, torch.tensor([], dtype=torch.long)]
        first_alone = net(X)
    torch.testing.assert_close(mixed - plain, torch.tensor([[1.0], [10], [10]]).expand(3, 2))
    torch.testing.assert_close(first_alone - plain, torch.ones(3, 2))


def test_a_module_called_twice_is_changed_twice_and_can_be_recomputed():
    class Again(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Linear(4, 4)

        def forward(self, x):
            return self.inner(self.inner(x))

    net = Again().requires_grad_(False)
    delta = Delta({Site("inner", "in", 4, 4): Plus(1)})
    with attach(net, delta):
        torch.testing.assert_close(net(X), net.inner._call_impl(net.inner._call_impl(X)))
        y = torch.utils.checkpoint.checkpoint(net, X, use_reentrant=False)
        y.sum().backward()
    assert delta.actors[0].amount.grad is not None
    with torch.no_grad():
        expected = net.inner(net.inner(X) + 1) + 1
    torch.testing.assert_close(y.detach(), expected)


@pytest.mark.parametrize("part", [Part(1, 0), Part(1, 2), Part(4, 1), Part(2, 0, of=2)])
def test_a_part_reads_what_it_wrote_and_touches_nothing_else(part):
    y = torch.randn(2, 3, 24)
    new = torch.randn(2, 3, 24 // part.of)
    written = part.write(y, new)
    assert torch.equal(part.read(written), new)
    assert (written != y).sum() == new.numel()
    others = [Part(part.groups, i, part.of) for i in range(part.of) if i != part.index]
    assert all(torch.equal(o.read(written), o.read(y)) for o in others)
    assert torch.equal(part.read(y.transpose(0, 2), dim=0), part.read(y).transpose(0, 2))


def test_what_a_delta_ships_is_what_it_reads_back():
    one, two = (
        Delta({FIRST: Plus(a), Site("1", "attention.value", 6, 1, Part(1, 1, 2)): Plus(a)}, head=nn.Linear(2, 2))
        for a in (3, 4)
    )
    assert list(one.shipped()) == ["0.amount", "1:value.amount", "head.weight", "head.bias"] == list(one.trained())
    two.load_shipped(one.shipped())
    assert all(torch.equal(a, b) for a, b in zip(one.shipped().values(), two.shipped().values()))
    assert one.trainable_parameters == 2 + 6
    with pytest.raises(KeyError, match="1:value"):
        two.load_shipped({"0.amount": torch.tensor(1.0)})
