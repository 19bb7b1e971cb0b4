"""Which precision `auto` is on a processor."""

import pytest
import torch

from luthier import machine
from luthier.backbone import Backbone


@pytest.mark.skipif(torch.cuda.is_available(), reason="about processors")
@pytest.mark.parametrize(
    ("matrix_unit", "instructions", "faster", "chosen"),
    [
        (True, True, False, "bf16"),
        (False, True, True, "bf16"),
        (False, True, False, "fp32"),
        (False, False, True, "fp32"),
    ],
)
def test_bf16_is_chosen_where_it_multiplies_faster(
    monkeypatch: pytest.MonkeyPatch, matrix_unit: bool, instructions: bool, faster: bool, chosen: str
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: matrix_unit)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: instructions)
    monkeypatch.setattr(machine, "_bf16_is_faster", lambda: faster)
    assert machine.fast_precision.__wrapped__() == chosen


def test_measuring_products_draws_no_random_numbers() -> None:
    before = torch.get_rng_state()
    machine._bf16_is_faster()
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("precision", ["auto", "fp32", "bf16"])
def test_a_sketch_has_the_precision_of_the_backbone_that_it_stands_for(precision: str) -> None:
    assert Backbone.sketch("seedling-t5", precision).precision == Backbone("seedling-t5", precision).precision
