"""Full fine-tuning: every weight may change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ..backbone import Backbone
from ..delta import Delta
from ..spell import spelled
from .method import Method, rate_in_range


class OwnedWeights(Delta):
    """fp32 copies of the weights, swapped in while attached; the backbone's own tensors are never written."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__({})
        self.copies = nn.ParameterList()
        self.places: list[list[tuple[str, str]]] = []
        by_tensor: dict[int, int] = {}
        for path, module in model.named_modules():
            for name, weight in module._parameters.items():
                if weight is None:
                    continue
                if id(weight) not in by_tensor:  # a tied weight is one copy in several places
                    by_tensor[id(weight)] = len(self.copies)
                    self.copies.append(nn.Parameter(weight.detach().float().clone()))
                    self.places.append([])
                self.places[by_tensor[id(weight)]].append((path, name))

    def trained(self) -> dict[str, nn.Parameter]:
        named = {".".join(filter(None, place[0])): copy for place, copy in zip(self.places, self.copies)}
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
            for path, name in places:
                handles.append(_Swap(model.get_submodule(path), name, copy))
        return handles


class _Swap:
    """One weight replaced until `remove()`."""

    def __init__(self, module: nn.Module, name: str, weight: nn.Parameter) -> None:
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
    Computes in fp32.
    Defaults: the learning rate falls with size, 5e-5 · (250 M / parameters)^(2/3), through 1e-5…1e-4 of the
    published recipes at 0.1–1 B and 1e-3 habits of tiny models; set `learning_rate` to override.
    """

    word: ClassVar[str] = "full"
    rates: ClassVar[tuple[float, float]] = (1e-5, 3e-3)
    learning_rate: float | None = None

    def __post_init__(self) -> None:
        rate_in_range(self)

    def delta(self, backbone: Backbone) -> Delta:
        return OwnedWeights(backbone.model)

    def rate(self, backbone: Backbone) -> float:
        if self.learning_rate is not None:
            return self.learning_rate
        return min(2e-3, 5e-5 * (250e6 / backbone.parameters) ** (2 / 3))
