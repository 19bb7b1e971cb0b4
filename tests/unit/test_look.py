"""Looking inside: what is reported is what was put there."""

from __future__ import annotations

import pytest
import tiny
import torch

from luthier.look import CAUTION, _notes, moved, near
from luthier.methods import METHODS
from luthier.spell import parse


def deltas(bone, word: str):
    """A fresh delta and the one that training began with."""
    torch.manual_seed(0)
    now = parse(word, METHODS).delta(bone)
    torch.manual_seed(0)
    return now, parse(word, METHODS).delta(bone)


def test_a_row_on_a_word_is_found_there():
    bone = tiny.shared("t5")
    table = bone.model.get_input_embeddings().weight.detach().float()
    words = [i for i in range(len(bone.tokenizer)) if i not in bone.tokenizer.all_special_ids][:6]
    now, was = 3 * table[words[:3]], table[words[3:]]
    for row, word, before in zip(near(bone, now, was), words, words[3:]):
        assert row.nearest[0] == (bone.tokenizer.decode([word]).strip(), 1.0)
        assert row.began == bone.tokenizer.decode([before]).strip()
        assert row.control < 0.999, "a random step ends on no word"
        assert row.moved == pytest.approx(
            float((3 * table[word] - table[before]).norm() / table[before].norm()), abs=1e-3
        )


def test_special_tokens_are_no_words():
    bone = tiny.shared("t5")
    end = bone.tokenizer.eos_token_id
    row = bone.model.get_input_embeddings().weight.detach().float()[[end]]
    assert bone.tokenizer.eos_token not in [word for word, _ in near(bone, row, row)[0].nearest]


def test_the_notes_count_both_controls():
    bone = tiny.shared("t5")
    table = bone.model.get_input_embeddings().weight.detach().float()
    words = [i for i in range(len(bone.tokenizer)) if i not in bone.tokenizer.all_special_ids]
    on_words = near(bone, table[words[:4]], table[[*words[:2], *words[4:6]]])
    assert _notes(on_words)[0].startswith("2 of 4") and _notes(on_words)[2] == CAUTION
    assert _notes(on_words)[1].startswith("2 of 4"), "the two that never moved lie where they would without training"


def test_a_low_rank_change_is_that_of_its_matrix():
    bone = tiny.shared("t5")
    now, start = deltas(bone, "lora(rank=3)")
    with torch.no_grad():
        for actor in now.actors:
            actor.a.copy_(torch.linalg.qr(torch.randn(actor.a.shape[1], 3))[0].T)
            actor.b.copy_(torch.linalg.qr(torch.randn(actor.b.shape[0], 3))[0])
    weight = bone.model.get_submodule(now.sites[0].path).weight.detach().float()
    found = {one.name: one for one in moved(bone, now, start, "lora")}
    first = found[f"{now.sites[0].path}.weight"]
    assert len(found) == len(now.sites) and first.what == "backbone"
    assert first.length == pytest.approx(3**0.5, rel=1e-4), "three directions of length one"
    assert first.change == pytest.approx(3**0.5 / float(weight.norm()), rel=1e-4) and first.directions == 3


def test_nothing_trained_is_nothing_changed():
    bone = tiny.shared("t5")
    for word in ("lora(rank=4)", "ia3", "prefix(tokens=4)", "bitfit(everywhere=True)"):
        now, start = deltas(bone, word)
        assert all(one.length == 0 for one in moved(bone, now, start, word.split("(")[0])), word


def test_what_began_at_zero_has_a_length_and_no_share():
    bone = tiny.shared("t5")
    now, start = deltas(bone, "bitfit(everywhere=True)")
    with torch.no_grad():
        now.actors[0].offset.fill_(2.0)
    found = {one.name: one for one in moved(bone, now, start, "bitfit")}
    one = found[f"{now.sites[0].name}.offset"]
    assert one.what == "added" and one.change is None and one.directions is None
    assert one.length == pytest.approx(2.0 * len(now.actors[0].offset) ** 0.5)
