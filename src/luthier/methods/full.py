"""Full fine-tuning: every weight may change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ..backbone import Backbone
from ..delta import Delta
from ..errors import Refused
from ..spell import spelled
from .method import Method, rate_in_range


class OwnedWeights(Delta):
    """fp32 copies of the weights; the backbone's own tensors are never written.

    While attached, the model computes with the copies as they round to its own precision. Gradients pass the rounding
    as they are and add up in fp32, so that an update smaller than a step of bf16 is not lost.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__({})
        self.copies = nn.ParameterList()
        self.places: list[list[tuple[str, str]]] = []
        body = {id(weight) for weight in model.base_model.parameters()}
        self.read_by_head: list[bool] = []
        by_tensor: dict[int, int] = {}
        for path, module in model.named_modules():
            for name, weight in module._parameters.items():
                if weight is None:
                    continue
                if id(weight) not in by_tensor:  # a tied weight is one copy in several places
                    by_tensor[id(weight)] = len(self.copies)
                    self.copies.append(nn.Parameter(weight.detach().to(torch.float32, copy=True)))
                    self.places.append([])
                    self.read_by_head.append(id(weight) in body)
                self.places[by_tensor[id(weight)]].append((path, name))

    def trained(self) -> dict[str, nn.Parameter]:
        named = {
            ".".join(filter(None, place[0])): copy
            for place, copy, read in zip(self.places, self.copies, self.read_by_head)
            if read or self.head is None  # a class head reads the body; the word head beside it never trains
        }
        return named | ({f"head.{n}": p for n, p in self.head.named_parameters()} if self.head is not None else {})

    def shipped(self) -> dict[str, Tensor]:
        return {name: weight.detach() for name, weight in self.trained().items()}

    def load_shipped(self, tensors: Mapping[str, Tensor]) -> None:
        with torch.no_grad():
            for name, weight in self.trained().items():
                weight.copy_(tensors[name])

    def mount(self, model: nn.Module) -> list[Any]:
        handles = []
        for places, copy in zip(self.places, self.copies):
            rounded: Tensor | None = None
            for path, name in places:
                module = model.get_submodule(path)
                if rounded is None:
                    rounded = copy.to(module._parameters[name].dtype)
                handles.append(_Swap(module, name, rounded))
        return handles


class _Swap:
    """One weight replaced until `remove()`."""

    def __init__(self, module: nn.Module, name: str, weight: Tensor) -> None:
        self.module, self.name, self.original = module, name, module._parameters[name]
        module._parameters[name] = weight

    def remove(self) -> None:
        self.module._parameters[self.name] = self.original


@spelled
@dataclass(frozen=True)
class Full(Method):
    """W' = W + ΔW for every weight W.

    Source: Devlin et al. 2019, "BERT", ACL N19-1423, §3.2 (fine-tuning all parameters end to end).
    Trained: everything; count = all parameters, tied ones once. Costs about 18 bytes a parameter with AdamW and
    ships the whole model.
    Wins with many rows and small backbones; fails on small data (over-fitting), on memory, and on forgetting.
    Keeps its weights in fp32 and computes in the backbone's precision.
    Defaults: 5e-5 at 250 M parameters, falling with size to the power 2/3: through the published 1e-5 to 1e-4 at
    0.1 to 1 B and the 1e-3 that tiny models bear. Searched at 250 M: 1e-5 (the dialogue-summary lab) to 3e-4 (T0's,
    which is Adafactor's).
    """

    word: ClassVar[str] = "full"
    replaces_backbone: ClassVar[bool] = True
    rates: ClassVar[tuple[float, float]] = (1e-5, 3e-4)
    published_rate: ClassVar[float] = 5e-5
    growth: ClassVar[float] = 2 / 3
    learning_rate: float | None = None

    def __post_init__(self) -> None:
        rate_in_range(self)

    def delta(self, backbone: Backbone) -> Delta:
        if backbone.quantised:
            raise Refused(
                f"full trains every weight, and {backbone.precision} weights cannot be trained.",
                "--precision fp32 or bf16, or a method that leaves the weights alone",
                "QLoRA is lora over this precision",
            )
        return OwnedWeights(backbone.model)
