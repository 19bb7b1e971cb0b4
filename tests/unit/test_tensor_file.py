"""Files of tensors: the bytes that the library writes, from where the tensors lie."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save

from luthier import tensor_file
from luthier.errors import Damaged

KINDS = list(tensor_file.NAMES)


def tensors() -> dict[str, torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    found = {f"{n % 3}.{k}": torch.randint(0, 2, (n + 1, 3), generator=draw).to(k) for n, k in enumerate(KINDS)}
    turned = torch.arange(12.0).view(3, 4).t()
    return found | {
        "turned": turned,
        "one": torch.tensor(5.0),
        "none": torch.zeros(0, 3),
        "名": turned[1],
        'ä"\n': turned,
    }


@pytest.mark.parametrize("metadata", [None, {"said": "名"}])
def test_the_bytes_are_those_of_the_library(metadata, tmp_path):
    whole = {name: tensor.contiguous().clone() for name, tensor in tensors().items()}
    tensor_file.write(tmp_path / "a", tensors(), metadata)
    assert (tmp_path / "a").read_bytes() == save(whole, metadata)
    again = tensor_file.read(tmp_path / "a")
    assert set(again) == set(whole) and all(torch.equal(again[name], whole[name]) for name in whole)


def test_nothing_but_an_empty_file(tmp_path):
    tensor_file.write(tmp_path / "a", {})
    assert (tmp_path / "a").read_bytes() == save({}) and tensor_file.read(tmp_path / "a") == {}


@pytest.mark.parametrize("cut", [0, 5, 40, -1])
def test_a_torn_file_is_damaged(cut, tmp_path):
    tensor_file.write(tmp_path / "a", tensors())
    (tmp_path / "b").write_bytes((tmp_path / "a").read_bytes()[:cut])
    with pytest.raises(Damaged, match="no whole safetensors file"):
        tensor_file.read(tmp_path / "b")


def test_a_tensor_is_written_from_where_it_lies(tmp_path, monkeypatch):
    """No copy of it is made: its bytes in the file's pieces are its own memory."""
    one = torch.ones(1000)
    _, piece = tensor_file._pieces({"one": one}, None)
    assert piece.ctypes.data == one.data_ptr()
