"""Tokens that a delta teaches: rows of the embedding, and of the output head, that are trained while all others stay.

A row replaces the frozen one where its token is read or scored; nothing else of the matrix is held twice. Stacks that
share one matrix share the rows. PEFT calls this `trainable_token_indices`, and its files are read and written.

Shapes: B rows, S positions, k taught tokens, V vocabulary, d width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .delta import Actor, Delta, Site
from .errors import Refused

ROLE = "tokens"
PEFT_NAME = "token_adapter.trainable_tokens_delta"
"""How PEFT calls the rows in its files."""


class TaughtRows(Actor):
    """Rows for `ids` at one module: an embedding where it reads tokens, a linear layer where it scores them.

    Args:
        module: the frozen module whose rows these start from.
        ids: the tokens, each once.
        owner: another site's rows that this site shares, because both sites share one matrix.
    """

    def __init__(self, module: nn.Module, ids: Sequence[int], owner: TaughtRows | None = None) -> None:
        super().__init__()
        frozen = module.weight
        self.ids = tuple(ids)
        self._owner = (owner,)  # in a tuple, so that what is shared is counted and saved once
        if owner is None:
            self.rows = nn.Parameter(frozen.detach()[list(ids)].float())
        self.scale = getattr(module, "embed_scale", None)
        self.reads = isinstance(module, nn.Embedding)
        place_V = torch.full((len(frozen),), -1, dtype=torch.long)
        place_V[list(ids)] = torch.arange(len(ids))
        self.register_buffer("place_V", place_V.to(frozen.device), persistent=False)
        self._bias = (None if self.reads else getattr(module, "bias", None),)

    def taught(self) -> Tensor:
        """(k, d) in fp32."""
        owner = self._owner[0]
        return self.rows if owner is None else owner.rows

    def after(self, x: Tensor, y: Tensor) -> Tensor:
        return self._read(x, y) if self.reads else self._scored(x, y)

    def _read(self, ids_BS: Tensor, y_BSd: Tensor) -> Tensor:
        place_BS = self.place_V[ids_BS.clamp_min(0)]  # virtual ids are negative, and nobody's here
        rows_kd = self.taught() if self.scale is None else self.taught() * self.scale
        own_BS1 = ((place_BS >= 0) & (ids_BS >= 0))[..., None]
        return torch.where(own_BS1, F.embedding(place_BS.clamp_min(0), rows_kd).to(y_BSd.dtype), y_BSd)

    def _scored(self, x: Tensor, y: Tensor) -> Tensor:
        ids, bias_V = torch.tensor(self.ids, device=y.device), self._bias[0]
        own = F.linear(x.float(), self.taught(), None if bias_V is None else bias_V[ids].float())
        return y.index_copy(-1, ids, own.to(y.dtype))


def teach(model: nn.Module, delta: Delta, groups: Sequence[Sequence[Site]], ids: Sequence[int]) -> None:
    """Let `delta` also train the rows of `ids`, at all sites of `groups`; sites of one group share a matrix.

    Raises:
        Refused: the delta holds modules of another library, which know nothing of taught tokens.
    """
    if type(delta).trained is not Delta.trained:
        raise Refused(
            f"{type(delta).__name__} holds its own modules, and {len(ids)} taught tokens need ours.",
            "lora, dora, ia3, bitfit, prompt, ptuning, prefix, bottleneck, layernorm",
            "choose one of these, or leave the new tokens out",
        )
    for group in groups:
        owner: TaughtRows | None = None
        for site in group:
            actor = TaughtRows(model.get_submodule(site.path), ids, owner)
            owner = owner or actor
            delta.also(site, actor)


def taught(delta: Delta) -> dict[Site, TaughtRows]:
    """Where a delta holds rows of tokens."""
    return {s: a for s, a in zip(delta.sites, delta.actors) if isinstance(a, TaughtRows)}


def sites(model: nn.Module, embeddings: Mapping[str, Site]) -> list[list[Site]]:
    """Where tokens are read and scored, grouped by the matrix that they share."""
    head = model.get_output_embeddings()
    places = [(site.path, site.features_out) for site in embeddings.values()]
    if head is not None:
        path = next(name for name, module in model.named_modules() if module is head)
        places.append((path, head.weight.shape[1]))
    groups: dict[int, list[Site]] = {}
    for path, width in places:
        weight = model.get_submodule(path).weight
        groups.setdefault(id(weight), []).append(Site(path, ROLE, len(weight), width, beside=True))
    return list(groups.values())


def add(model: nn.Module, tokenizer: Any, texts: Sequence[str]) -> list[int]:
    """Give a tokenizer new tokens and a model a row for each that has none; returns their ids.

    A row that is added starts as the mean of the rows before it, so that the same tokens always make the same model.

    Raises:
        Refused: an empty text, or one that is named twice.
    """
    for text in texts:
        if not text.strip() or list(texts).count(text) > 1:
            raise Refused(f"{text!r} is no new token.", "texts that are not empty, each once", "leave it out")
    tokenizer.add_tokens(list(texts))
    ids = tokenizer.convert_tokens_to_ids(list(texts))
    have = model.get_input_embeddings().weight.shape[0]
    if max(ids) >= have:
        _enlarge(model, have, max(ids) + 1)
    return ids


@torch.no_grad()
def _enlarge(model: nn.Module, have: int, rows: int) -> None:
    head = model.get_output_embeddings()
    own = None if head is None or head.weight is model.get_input_embeddings().weight else head.weight.detach().clone()
    model.resize_token_embeddings(rows, mean_resizing=False)
    table, head = model.get_input_embeddings(), model.get_output_embeddings()
    if own is not None and head.weight is table.weight:  # the library ties what its config ties, Flan-T5's head too
        head.weight = nn.Parameter(torch.cat([own, own.new_empty(rows - have, own.shape[1])]))
    for module in (table, head):
        if module is not None and module.weight.device.type != "meta":
            module.weight[have:] = module.weight[:have].float().mean(0).to(module.weight.dtype)
            if getattr(module, "bias", None) is not None:
                module.bias[have:] = module.bias[:have].float().mean().to(module.bias.dtype)


# -- in PEFT's files --------------------------------------------------------------------------------------------------


def peft_places(model: nn.Module, found: Mapping[Site, TaughtRows]) -> dict[str, TaughtRows]:
    """Module path in PEFT's files -> its rows. PEFT follows the config: where that ties the embeddings, one name
    stands for all modules; else every module that is called has its own."""
    if found and model.config.tie_word_embeddings:
        return {_path(model, model.get_input_embeddings()): next(iter(owners(found)))}
    return {site.path: actor for site, actor in found.items()}


def in_peft(model: nn.Module, found: Mapping[Site, TaughtRows]) -> bool:
    """PEFT can hold these rows: not where a config says that embeddings are tied and the weights are not (Flan-T5)."""
    return len(owners(found)) < 2 or not model.config.tie_word_embeddings


def owners(found: Mapping[Site, TaughtRows]) -> list[TaughtRows]:
    """One for each matrix."""
    return [actor for actor in found.values() if actor._owner[0] is None]


Taught = tuple[Sequence[Site], list[int]]
"""Sites of one matrix, and the tokens whose rows are trained there."""


def from_peft(
    model: nn.Module, groups: Sequence[Sequence[Site]], config: Mapping[str, Any], tensors: Mapping[str, Tensor]
) -> list[Taught]:
    """Where a PEFT adapter holds rows of tokens: named ones, or a whole matrix in which some rows differ from ours."""
    indices = config.get("trainable_token_indices") or {}
    if not isinstance(indices, Mapping):
        indices = {_path(model, model.get_input_embeddings()): indices}
    found: list[Taught] = [(_sites_of(model, groups, path), list(ids)) for path, ids in indices.items()]
    for site in (site for group in groups for site in group):
        whole = tensors.get(f"base_model.model.{site.path}.weight")
        if whole is not None:
            found.append(([site], _differing(whole, model.get_submodule(site.path).weight, site.path)))
    return _once(found)


def rows_of(
    model: nn.Module, found: Mapping[Site, TaughtRows], tensors: Mapping[str, Tensor]
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """(our names -> rows, the tensors that are not rows)

    Raises:
        KeyError: modules that share a matrix here have different rows there.
    """
    rest, rows = dict(tensors), {}
    names = {id(actor): path for path, actor in peft_places(model, found).items()}
    for site, actor in found.items():
        whole = rest.pop(f"base_model.model.{site.path}.weight", None)
        path = names.get(id(actor), site.path)
        given = whole[list(actor.ids)] if whole is not None else tensors.get(f"base_model.model.{path}.{PEFT_NAME}")
        if given is None:
            continue
        owner = next(s for s, a in found.items() if a is (actor._owner[0] or actor))
        if not torch.equal(rows.setdefault(f"{owner.name}.rows", given), given):
            raise KeyError(f"{site.path} has other rows than {owner.path}, which is the same matrix here")
    return rows, rest


def _sites_of(model: nn.Module, groups: Sequence[Sequence[Site]], path: str) -> list[Site]:
    """The sites that PEFT means by the end of a path: the module of that name, or all where the config ties them.

    Raises:
        Refused: a module that is never called, so that its rows act on nothing in PEFT either.
    """
    named = next((n for n, _ in model.named_modules() if n == path or n.endswith(f".{path}")), "")
    every = [site for group in groups for site in group]
    if named and model.config.tie_word_embeddings:
        return every
    found = [site for site in every if site.path == named]
    if not found:
        raise Refused(
            f"The adapter trains rows of {path!r}, where this backbone reads no token.",
            ", ".join(site.path for site in every),
            "train it again on one of these",
        )
    return found


def _differing(theirs: Tensor, ours: Tensor, path: str) -> list[int]:
    if len(theirs) != len(ours):
        raise Refused(
            f"The adapter holds {path} with {len(theirs)} rows, and the backbone has {len(ours)}.",
            "a backbone with the same vocabulary",
            "give it the same new tokens: NAME + <x> + <y>",
        )
    return (theirs.to(ours) != ours).any(1).nonzero().flatten().tolist()


def _once(found: Sequence[Taught]) -> list[Taught]:
    """Each site in one group only: sites of one matrix that are named one by one are one group."""
    seen: set[Site] = set()
    kept: list[Taught] = []
    for group, ids in found:
        new = [site for site in group if site not in seen]
        seen |= set(new)
        if new and ids:
            kept.append((new, ids))
    return kept


def _path(model: nn.Module, module: nn.Module | None) -> str:
    return next(name for name, m in model.named_modules() if m is module)
