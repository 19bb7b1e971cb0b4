"""A device that is not the CPU, played by the CPU: what would fail on a GPU for being in the wrong place fails here.

A tensor there has no address and says that its device is another one. It meets tensors of the CPU only where a GPU
allows it: in copies, as an index, as a single number. What is computed there is what torch computes here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any
from unittest import mock

import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_leaves, tree_map, tree_map_only

DEVICE = torch.device("meta")
"""The one device beside the CPU that every torch knows without a driver."""
CPU = torch.device("cpu")
aten = torch.ops.aten
BETWEEN = {aten.to, aten._to_copy, aten.copy_, aten.index, aten.index_put, aten.index_put_}
"""What takes tensors of two devices."""


class There(torch.Tensor):
    """A tensor on that device."""

    held: torch.Tensor
    is_meta = False  # it has numbers

    @staticmethod
    def __new__(cls, held: torch.Tensor) -> There:
        place = {"strides": held.stride(), "storage_offset": held.storage_offset()}
        made = torch.Tensor._make_wrapper_subclass(cls, held.shape, dtype=held.dtype, device=DEVICE, **place)
        made.held = held
        return made

    def __repr__(self) -> str:
        return f"There({self.held})"

    def tolist(self) -> Any:
        return self.held.tolist()

    @classmethod
    def __torch_dispatch__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return computed(function, args, kwargs or {})


class Misplaced(AssertionError):
    """Tensors met that live on two devices."""


def computed(function: Any, args: Any, kwargs: Any) -> Any:
    """One operation of torch, wherever its tensors are."""
    met = tree_leaves((args, kwargs))
    there = [one for one in met if isinstance(one, There)]
    assert all(isinstance(one, There) or one.device == CPU for one in met if isinstance(one, torch.Tensor)), function
    if there and function.overloadpacket not in BETWEEN:
        strangers = [one for one in met if isinstance(one, torch.Tensor) and one.ndim and not isinstance(one, There)]
        if strangers:
            raise Misplaced(f"{function} of tensors on two devices: {[tuple(t.shape) for t in strangers][:3]} here")
    asked = [one for one in met if isinstance(one, torch.device)]
    stays = DEVICE in asked if asked else bool(there)
    if not (there or stays):
        return function(*args, **kwargs)
    args_here, kwargs_here = tree_map(_here, (args, kwargs))
    # In inference a wrapped tensor could not be a view of one that was made outside of it.
    with torch.inference_mode(False), torch.no_grad():
        said = function(*args_here, **kwargs_here)
        if not stays:
            return said.clone()
        said = tree_map_only(torch.Tensor, There, said)
        return return_and_correct_aliasing(function, args, kwargs, said) if there else said


def _here(one: Any) -> Any:
    return one.held if isinstance(one, There) else CPU if isinstance(one, torch.device) else one


class _Dispatched(TorchDispatchMode):
    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return computed(function, args, kwargs or {})


class _Told(TorchFunctionMode):
    """Numbers that Python hands over go through the CPU: torch would make their tensor where no operation is seen."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if function is torch.tensor and kwargs.get("device") is not None:
            return function(*args, **(kwargs | {"device": None})).to(kwargs["device"])
        if function in (torch.Tensor.__getitem__, torch.Tensor.__setitem__):
            index = args[1] if isinstance(args[1], tuple) else (args[1],)
            listed = tuple(torch.tensor(one) if isinstance(one, list) else one for one in index)
            args = (args[0], listed, *args[2:])
        return function(*args, **kwargs)


@contextmanager
def played() -> Iterator[None]:
    """Inside, that device can be named and computed on."""
    optimizers = import_module("torch.optim.optimizer")
    fused = {"_get_fused_kernels_supported_devices": lambda: ["cpu", DEVICE.type]}
    with mock.patch.multiple(optimizers, **fused), _Dispatched(), _Told():
        yield


def moved(bone: Any) -> Any:
    """The backbone, its tensors on that device."""
    known: dict[int, torch.Tensor] = {}  # a tied weight stays tied
    for module in bone.model.modules():
        for name, weight in module._parameters.items():
            if weight is not None:
                module._parameters[name] = known.setdefault(id(weight), nn.Parameter(There(weight.detach()), False))
        for name, buffer in module._buffers.items():
            if buffer is not None:
                module._buffers[name] = There(buffer)
    bone.device = DEVICE
    return bone
