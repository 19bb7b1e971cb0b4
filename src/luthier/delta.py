"""The seam: how a learned difference acts on a frozen model, and leaves no trace when it goes.

A `Delta` is `{site: actor}` plus, where the task has one, a head. A `Site` is a module, or a slice of a module's
output features. An actor may change what goes in (`before`) and what comes out (`after`); it computes in fp32 and
rounds once, but for low ranks while they train in 16 bits (`ops/low_rank.py`). `attach` registers forward hooks
and removes them again: weights are never edited, modules never replaced, so detaching is bit-exact and
`torch.compile` sees plain calls.

Several deltas can be attached at once, each acting on its own rows of the batch (`Call.rows`); training one delta
is the special case of one delta on all rows.

Shapes: B rows, S positions, H heads, D head width, n virtual tokens, i / o input / output features.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from .affine import Affine, Crowd

Rows = slice | Tensor | None
"""Which rows of the batch a delta acts on; None means all."""


@dataclass(frozen=True)
class Part:
    """A third of a fused projection: output features seen as (groups, of, width), one `index` of `of`.

    GPT-2 puts q, k, v in three blocks (groups=1); BLOOM interleaves them per head (groups=heads).
    """

    groups: int
    index: int
    of: int = 3

    def read(self, y_o: Tensor, dim: int = -1) -> Tensor:
        """The part of dimension `dim`, contiguous features in head order."""
        cut = y_o.unflatten(dim, (self.groups, self.of, -1))
        dim = dim if dim >= 0 else y_o.ndim + dim
        return cut.select(dim + 1, self.index).flatten(dim, dim + 1)

    def write(self, y_o: Tensor, part_p: Tensor) -> Tensor:
        """`y_o` with the part replaced (a copy: the fused output is also read elsewhere)."""
        whole = y_o.clone()
        cut = whole.unflatten(-1, (self.groups, self.of, -1))
        cut[..., self.index, :] = part_p.unflatten(-1, (self.groups, -1))
        return whole


@dataclass(frozen=True)
class Site:
    """A place where an actor can act."""

    path: str
    """Module path in the model."""
    role: str
    features_in: int = 0
    features_out: int = 0
    """Of the part, where there is one."""
    part: Part | None = None
    beside: bool = False
    """Acts at a module where another site of the same delta may act."""

    @property
    def name(self) -> str:
        """Unique: the path, and the role where several sites share a module."""
        return f"{self.path}:{self.role.rsplit('.', 1)[-1]}" if self.part or self.beside else self.path


class Actor(nn.Module):
    """What acts at one site. Override `before`, `after`, or `arguments`."""

    def before(self, x: Tensor) -> Tensor:
        """Change the module's first input."""
        return x

    def after(self, x: Tensor, y: Tensor) -> Tensor:
        """Change the module's output; `x` is the first input as it came, before any `before`."""
        return y

    def arguments(self, keywords: dict[str, Any], rows: Rows) -> dict[str, Any]:
        """Change the module's keyword arguments (attention modules: a prefix enters here)."""
        return keywords

    def forget(self) -> None:
        """Drop what was made of the weights for passes without gradients: they may be others from now on."""

    def affine(self) -> Affine | None:
        """What `after` does, where it is a gain, a shift and a low rank: many deltas then share their products."""
        return None

    def shipped(self) -> dict[str, Tensor]:
        """What is needed to answer, which can be less than what is trained (a reparametrised prompt)."""
        return dict(self.state_dict())

    def load_shipped(self, tensors: Mapping[str, Tensor]) -> None:
        """Inverse of `shipped`."""
        self.load_state_dict(dict(tensors))


class Delta(nn.Module):
    """The learned difference of one method on one backbone.

    Args:
        actors: site -> actor.
        head: classifier on top of the hidden states, where the task has one.
        virtual_tokens: learned rows that encoding puts before (encoders: behind the first token of) the input.
        prefix_tokens: learned keys and values that attention sees; real positions start behind them.
    """

    def __init__(
        self,
        actors: Mapping[Site, Actor],
        *,
        head: nn.Module | None = None,
        virtual_tokens: int = 0,
        prefix_tokens: int = 0,
    ) -> None:
        super().__init__()
        self.sites = tuple(actors)
        self.actors = nn.ModuleList(actors.values())
        self.head = head
        self.virtual_tokens = virtual_tokens
        self.prefix_tokens = prefix_tokens
        self.virtual_first = False
        """True puts virtual tokens before an encoder's first token, as `peft` does (imported adapters)."""

    def also(self, site: Site, actor: Actor) -> None:
        """Let one more actor act, behind those that act at the same module."""
        self.sites = (*self.sites, site)
        self.actors.append(actor)

    def trained(self) -> dict[str, nn.Parameter]:
        """Every trained tensor by a stable name: what the optimiser sees and a checkpoint holds."""
        named: dict[str, nn.Parameter] = {}
        for site, actor in zip(self.sites, self.actors):
            named |= {f"{site.name}.{n}": p for n, p in actor.named_parameters()}
        if self.head is not None:
            named |= {f"head.{n}": p for n, p in self.head.named_parameters()}
        return named

    @property
    def trainable_parameters(self) -> int:
        return sum(p.numel() for p in self.trained().values())

    def shipped(self) -> dict[str, Tensor]:
        """Every tensor that answering needs, by a stable name."""
        tensors: dict[str, Tensor] = {}
        for site, actor in zip(self.sites, self.actors):
            tensors |= {f"{site.name}.{n}": t.detach() for n, t in actor.shipped().items()}
        if self.head is not None:
            tensors |= {f"head.{n}": t.detach() for n, t in self.head.state_dict().items()}
        return tensors

    def load_shipped(self, tensors: Mapping[str, Tensor]) -> None:
        """Inverse of `shipped`.

        Raises:
            KeyError: a tensor is missing.
        """
        for site, actor in zip(self.sites, self.actors):
            start = f"{site.name}."
            mine = {n[len(start) :]: t for n, t in tensors.items() if n.startswith(start)}
            if not mine and actor.shipped():
                raise KeyError(site.name)
            actor.load_shipped(mine)
        if self.head is not None:
            self.head.load_state_dict({n[5:]: t for n, t in tensors.items() if n.startswith("head.")})

    def forget(self) -> None:
        for actor in self.actors:
            actor.forget()

    def mount(self, model: nn.Module) -> list[Any]:
        """Extra work at attach time; returns handles with `remove()`. Only full fine-tuning needs it."""
        return []


@dataclass
class Call:
    """What one forward pass knows about its batch."""

    rows: list[Rows] = field(default_factory=list)
    """Per attached delta, the rows it acts on; may be changed between passes (rows leave a batch)."""
    owner: Tensor | None = None
    """The same said by rows, (B,): the number of each row's delta. Says that nothing is trained meanwhile."""

    def belong(self, owner_B: Tensor) -> None:
        """Row b of the next passes, which only answer, is that of delta `owner_B[b]`."""
        if self.owner is not None and torch.equal(self.owner, owner_B):
            return
        self.owner = owner_B if len(self.rows) > 1 else None
        self.rows = [_neighbours((owner_B == number).nonzero().flatten()) for number in range(len(self.rows))]


def _neighbours(found: Tensor) -> Rows:
    """Rows side by side as a slice, which is no copy."""
    if len(found) and int(found[-1]) - int(found[0]) + 1 == len(found):
        return slice(int(found[0]), int(found[-1]) + 1)
    return found


@contextmanager
def attach(model: nn.Module, *deltas: Delta) -> Iterator[Call]:
    """Let `deltas` act on `model` inside the `with` block.

    Every delta acts on all rows until `call.rows` says otherwise. On exit, also by an exception, the model is
    bit for bit what it was. While passes have no gradients, what a delta learned does not change inside.
    """
    call = Call(rows=[None] * len(deltas))
    handles: list[Any] = []
    try:
        for delta in deltas:
            delta.forget()
            handles += delta.mount(model)
        for path, seats in _seats(deltas).items():
            module = model.get_submodule(path)
            handles += _hook(module, seats, call)
        yield call
    finally:
        for handle in reversed(handles):
            handle.remove()
        for delta in deltas:
            delta.forget()


Seat = tuple[int, Part | None, Actor]
"""Number of the delta, the slice it acts on, its actor."""


def _seats(deltas: Sequence[Delta]) -> dict[str, list[Seat]]:
    seats: dict[str, list[Seat]] = {}
    for number, delta in enumerate(deltas):
        for site, actor in zip(delta.sites, delta.actors):
            seats.setdefault(site.path, []).append((number, site.part, actor))
    return seats


def _hook(module: nn.Module, seats: list[Seat], call: Call) -> list[Any]:
    """The forward hooks of one module: as few as its actors need."""
    first, last, arguments = (_overriding(seats, name) for name in ("before", "after", "arguments"))
    inputs: list[Tensor] = []
    crowd: list[Together] = []

    def enter(_: nn.Module, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        if last:
            inputs.append(args[0])
        if first:
            args = (_changed(call, first, args[0], lambda actors, _, x: _before(actors, x)), *args[1:])
        for number, actors in arguments.items():
            if _some(call.rows[number]):
                for _part, actor in actors:
                    keywords = actor.arguments(keywords, call.rows[number])
        return args, keywords

    def leave(_: nn.Module, __: tuple[Any, ...], output: Any) -> Any:
        x, y = inputs.pop(), output[0] if isinstance(output, tuple) else output
        # Without gradients a module's fresh output is read by nobody before this hook returns.
        own = not torch.is_grad_enabled() and y.data_ptr() != x.data_ptr()
        alone = last
        if call.owner is not None and y.shape[1] == 1:  # of longer rows, each delta's own slice is less work
            if not crowd:
                crowd.append(_together(last, len(call.rows)))
            alone = crowd[0].others
            y = crowd[0].change(x, y, call.owner)
        y = _changed(call, alone, y, lambda actors, rows, y: _after(actors, x if rows is None else x[rows], y), own=own)
        return (y, *output[1:]) if isinstance(output, tuple) else y

    handles = [module.register_forward_pre_hook(enter, with_kwargs=True)]
    if last:
        handles.append(module.register_forward_hook(leave))
    return handles


Actors = list[tuple[Part | None, Actor]]
"""What one delta does at one module."""


@dataclass(frozen=True)
class Together:
    """What several deltas do at one module: at once what can be said at once, the others one by one."""

    crowds: Mapping[Part | None, Crowd]
    others: dict[int, Actors]

    def change(self, x: Tensor, y: Tensor, owner_B: Tensor) -> Tensor:
        for part, crowd in self.crowds.items():
            y = crowd(x, y, owner_B) if part is None else part.write(y, crowd(x, part.read(y), owner_B))
        return y


@torch.no_grad()
def _together(acting: dict[int, Actors], deltas: int) -> Together:
    changes: dict[Part | None, dict[int, Affine]] = {}
    others: dict[int, Actors] = {}
    for number, actors in acting.items():
        found = {part: actor.affine() for part, actor in actors}
        if None in found.values() or len(found) < len(actors):
            others[number] = actors
            continue
        for part, change in found.items():
            changes.setdefault(part, {})[number] = change
    return Together({part: Crowd(found, deltas) for part, found in changes.items()}, others)


def _overriding(seats: list[Seat], method: str) -> dict[int, Actors]:
    """Number of the delta -> its actors that override `method`."""
    found: dict[int, Actors] = {}
    for number, part, actor in seats:
        if getattr(type(actor), method) is not getattr(Actor, method):
            found.setdefault(number, []).append((part, actor))
    return found


def _changed(
    call: Call,
    acting: dict[int, Actors],
    y: Tensor,
    change: Callable[[Actors, Rows, Tensor], Tensor],
    *,
    own: bool = False,
) -> Tensor:
    """`y` after each delta changed its own rows of it; rows of no delta stay bit for bit.

    `own`: nobody else reads `y`, so rows may be written into it.
    """
    whole: Tensor | None = y if own else None
    for number, actors in acting.items():
        rows = call.rows[number]
        if rows is None:
            y = change(actors, None, y if whole is None else whole)
            whole = y if own else None
        elif _some(rows):
            if whole is None:
                whole = y.clone()
            whole[rows] = change(actors, rows, y[rows])  # from `y`: autograd forbids reading what is written next
    return y if whole is None else whole


def _some(rows: Rows) -> bool:
    """A delta without rows in this batch costs nothing, and its prefix no columns."""
    if rows is None:
        return True
    return rows.stop is None or rows.stop > (rows.start or 0) if isinstance(rows, slice) else len(rows) > 0


def _before(actors: Actors, x: Tensor) -> Tensor:
    for _, actor in actors:
        x = actor.before(x)
    return x


def _after(actors: Actors, x: Tensor, y: Tensor) -> Tensor:
    for part, actor in actors:
        y = actor.after(x, y) if part is None else part.write(y, actor.after(x, part.read(y)))
    return y
