"""The matrix of what works with what: it tries, it tells refusals from faults, and the page that is kept is true."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch
from torch import nn

from luthier import capability
from luthier.bases import tinies
from luthier.cli import main
from luthier.delta import Actor, Delta
from luthier.families import FAMILIES
from luthier.methods import METHODS, Method
from luthier.spell import parse_list
from tests.house.source import ROOT

PAGE = (ROOT / "docs" / "families.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_of_the_table_has_a_tiny_model_with_all_it_names(family):
    config = tinies.model(family, layers=1).config
    assert config.model_type == family and config.num_hidden_layers == 1


def test_the_same_seed_makes_the_same_tiny_model():
    one, two = (tinies.model("gpt2").state_dict() for _ in range(2))
    assert all(torch.equal(one[name], two[name]) for name in one)


UNREAD = tinies.SPECIAL.index("<mask>")


class Faulty(Actor):
    """A gain that breaks one promise."""

    def __init__(self, how: str, weight: nn.Parameter) -> None:
        super().__init__()
        self.how, self.gain = how, nn.Parameter(torch.ones(()))
        self.unused = nn.Parameter(torch.ones(())) if how == "unused" else None
        self._frozen = (weight,)

    def after(self, x, y):
        if self.how == "nan":
            return y * self.gain * float("nan")
        if self.how == "leak":
            self._frozen[0].requires_grad_(True)
        if self.how == "edit":
            self._frozen[0].data[UNREAD].add_(0.001)
        return y * self.gain + (y.mean(0, keepdim=True) if self.how == "mixes" else 0)

    def shipped(self):
        return {} if self.how == "forgets" else super().shipped()

    def load_shipped(self, tensors):
        if tensors:
            super().load_shipped(tensors)


@dataclass(frozen=True)
class Broken(Method):
    """Breaks the promise it is told to break."""

    word: ClassVar[str] = "broken"
    how: str = "nothing"

    def delta(self, backbone):
        site = backbone.sites("o")[0]
        return Delta({site: Faulty(self.how, backbone.model.get_input_embeddings().weight)})


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("nan", "no gradient"),
        ("unused", "1 trained tensors have no gradient"),
        ("leak", "of the backbone have a gradient"),
        ("forgets", "says something else"),
        ("mixes", "a row alone"),
        ("edit", "Damaged"),
    ],
)
def test_a_broken_promise_is_a_fault_and_the_next_method_meets_a_whole_backbone(how, why):
    cells = capability.matrix([Broken(how), Broken()], ["llama"], ["fp32"])
    assert [c.state for c in cells] == ["fails", "works"]
    assert why in cells[0].why


def test_a_refusal_is_none_and_says_the_way_out():
    cells = capability.matrix(parse_list("bitfit, zero_shot", METHODS), ["llama", "bert"], ["fp32"])
    states = {(c.family, c.method): c for c in cells}
    assert states["llama", "bitfit"].state == "refused" and "everywhere=True" in states["llama", "bitfit"].why
    assert states["llama", "zero_shot"].state == "works" and states["bert", "bitfit"].state == "works"
    assert states["bert", "zero_shot"].state == "works", "its label words stand at a mask"


def test_a_precision_that_cannot_be_had_is_absent_and_not_a_fault(monkeypatch):
    monkeypatch.setattr("luthier.pretrained.find_spec", lambda name: None)
    (cell,) = capability.matrix(parse_list("lora", METHODS), ["llama"], ["nf4"])
    assert cell.state == "absent" and "bitsandbytes" in cell.why


def test_marks_say_which_precisions_and_why():
    cells = [
        capability.Cell("t5", "full", "fp32", "works"),
        capability.Cell("t5", "full", "nf4", "refused", "packed"),
        capability.Cell("gpt2", "full", "fp32", "fails", "a fault"),
        capability.Cell("gpt2", "full", "nf4", "refused", "packed"),
        capability.Cell("bert", "full", "fp32", "refused", "no head"),
        capability.Cell("bert", "full", "nf4", "refused", "no head"),
    ]
    page = capability.page(cells)
    assert re.search(r"`full` \| ✓¹ +\|", page) and re.search(r"`full` \| –² +\|", page)
    assert re.search(r"`full` \| ✗³,¹ +\|", page)
    assert "1. in nf4: packed" in page and "2. in any precision: no head" in page and "3. in fp32: a fault" in page


def test_the_verb_tries_what_it_is_told_and_speaks_on_the_error_stream(capsys):
    words = ["bases", "--families", "--family", "gpt2", "--precision", "fp32", "--methods", "lora(targets='o'), ia3"]
    assert main([*words, "--json"]) == 0
    said = capsys.readouterr()
    cells = json.loads(said.out)["cells"]
    asked = [repr(how) for how in parse_list(words[-1], METHODS)]
    assert [(c["method"], c["state"]) for c in cells] == [(word, "works") for word in asked]
    assert "gpt2 fp32: 2 works" in said.err
    assert main(words) == 0
    assert "## Decoders" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--families", "--family", "gpt3"], "did you mean gpt2"),
        (["--families", "--precision", "fp8"], "fp32, bf16"),
        (["--families", "--family", ","], "t5, mt5"),
        (["--precision", "fp32"], "add --families"),
    ],
)
def test_a_part_that_is_none_is_refused(words, named, capsys):
    assert main(["bases", *words]) == 2
    assert named in capsys.readouterr().err


# -- the page that is kept --------------------------------------------------------------------------------------------


def kept():
    """(method, family) -> (sign, its reasons) as docs/families.md says."""
    reasons = {int(n): why for n, why in re.findall(r"^(\d+)\. (.+)$", PAGE, re.MULTILINE)}
    found, families = {}, []
    for line in PAGE.splitlines():
        if line.startswith("| method"):
            families = [name.strip() for name in line.strip("|").split("|")][1:]
        elif line.startswith("| `"):
            method, *marks = (text.strip() for text in line.strip("|").split("|"))
            for family, mark in zip(families, marks, strict=True):
                numbers = mark[1:].translate({ord(c): str(n) for n, c in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")})
                found[method.strip("`"), family] = (mark[0], {reasons[int(n)] for n in numbers.split(",") if n})
    return found


def test_the_page_names_every_method_and_every_family():
    assert set(kept()) == {(word, family) for word in capability.words() for family in FAMILIES}


def test_nothing_on_the_page_fails_and_nearly_all_works():
    found = kept()
    assert not {word for (word, _), (sign, _) in found.items() if sign == "✗"}
    assert sum(sign == "✓" for sign, _ in found.values()) > 0.85 * len(found)


SAMPLE = [("full", "llama"), ("bitfit", "qwen3"), ("zero_shot", "bert"), ("prefix", "bloom"), ("dora", "t5")]


@pytest.mark.parametrize(("word", "family"), SAMPLE)
def test_a_sample_of_the_page_is_true(word, family):
    pytest.importorskip("bitsandbytes", reason="the page was made where int8 and nf4 run")
    cells = capability.matrix(parse_list(word, METHODS), [family])
    notes: dict[tuple[str, str], int] = {}
    sign = capability._mark(cells, notes)[0]
    assert (sign, {f"{said}: {why}" for said, why in notes}) == kept()[word, family]
