"""A class head belongs to the delta: what is saved is loaded, goes on training, and is there once.

The faults of others: a saved head that is not loaded (peft#310, sentence-transformers#3980), frozen, or doubled.
"""

from __future__ import annotations

import json

import peft
import pytest
import tiny
import torch
import transformers as hf
from safetensors.torch import load_file, save_file

from luthier import store
from luthier.errors import UserError
from luthier.methods import METHODS
from luthier.spell import parse
from luthier.train import Training

CLASSIFIERS = {
    "bert": hf.BertForSequenceClassification,
    "roberta": hf.RobertaForSequenceClassification,
}
WORD = "lora(rank=4)"
pytestmark = [
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning"),
    pytest.mark.filterwarnings("ignore:Could not find a config file"),
]


def classifier(family):
    source = tiny.model(family)
    source.config.num_labels = 2
    torch.manual_seed(1)
    made = CLASSIFIERS[family](source.config)
    made.base_model.load_state_dict(source.base_model.state_dict(), strict=False)
    return made.eval()


@pytest.fixture
def theirs(tmp_path):
    """A PEFT classifier with a trained head, as PEFT saves it; its model and its folder."""

    def save(family):
        torch.manual_seed(0)
        config = peft.LoraConfig(task_type="SEQ_CLS", r=4, init_lora_weights=False)
        wrapped = peft.get_peft_model(classifier(family), config).eval()
        with torch.no_grad():
            for name, weight in wrapped.named_parameters():
                if "modules_to_save" in name:
                    weight.add_(torch.randn_like(weight) * 0.3)
        wrapped.save_pretrained(tmp_path / "theirs")
        return wrapped, tmp_path / "theirs"

    return save


def heads(wrapped):
    """The active head's weights in a PEFT model."""
    return {n.split("modules_to_save.default.")[1]: p for n, p in wrapped.named_parameters() if "modules_to_save" in n}


@pytest.mark.parametrize("family", CLASSIFIERS)
def test_their_head_is_loaded_goes_on_training_and_goes_back(family, theirs, tmp_path):
    bone, (wrapped, folder) = tiny.shared(family), theirs(family)
    how, made = store.open_adapter(folder, bone)
    saved = heads(wrapped)
    mine = dict(made.head.named_parameters())
    assert {tuple(p.shape) for p in mine.values()} == {tuple(p.shape) for p in saved.values()}
    for name, weight in saved.items():
        assert torch.equal(mine[name if name in mine else f"out.{name}"], weight)
    trained = {n: p for n, p in made.trained().items() if n.startswith("head.")}
    assert len(trained) == len(saved) and all(p.requires_grad for p in trained.values())
    before = {n: p.detach().clone() for n, p in trained.items()}
    list(Training(bone, made, tiny.plan(bone), tiny.budget(steps=2), 1e-2, seed=0).steps())
    assert all(not torch.equal(p, before[n]) for n, p in trained.items())

    store.save(tmp_path / "ours", bone, how, made)
    written = load_file(tmp_path / "ours" / "adapter_model.safetensors")
    assert set(written) == set(load_file(folder / "adapter_model.safetensors")), "a tensor is doubled or lost"
    again = peft.PeftModel.from_pretrained(classifier(family), tmp_path / "ours", is_trainable=True)
    assert all(p.requires_grad for p in heads(again).values()) and len(heads(again)) == len(saved)
    for name, weight in heads(again).items():
        assert torch.equal(weight, mine[name if name in mine else f"out.{name}"])


def test_a_declared_head_that_is_not_there_is_no_random_one(theirs):
    bone, (_, folder) = tiny.shared("bert"), theirs("bert")
    path = folder / "adapter_model.safetensors"
    save_file({n: t for n, t in load_file(path).items() if "classifier" not in n}, path)
    with pytest.raises(UserError, match="hold no class head"):
        store.open_adapter(folder, bone)
    with pytest.raises(UserError, match="does not fit"):
        store.load(folder, bone, parse(WORD, METHODS), labels=2)
    config = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps(config | {"modules_to_save": None, "task_type": None}))
    assert store.open_adapter(folder, bone)[1].head is None


def test_a_head_for_other_labels_is_refused(theirs):
    bone, (_, folder) = tiny.shared("bert"), theirs("bert")
    with pytest.raises(UserError, match="does not fit"):
        store.load(folder, bone, parse(WORD, METHODS), labels=3)


def test_an_encoder_is_pooled_as_its_configuration_says():
    bone, made = tiny.backbone("modernbert"), tiny.plan(tiny.shared("modernbert"))
    ids = torch.tensor([made.inputs[0][:6].tolist()])
    mask = torch.ones_like(ids)
    with torch.no_grad():
        states = bone.model.base_model(input_ids=ids, attention_mask=mask).last_hidden_state
        assert torch.equal(bone.pooled(ids, mask), states[:, 0])
        bone.model.config.classifier_pooling = "mean"
        assert torch.allclose(bone.pooled(ids, mask), states.mean(1), atol=1e-6)
        padded = (torch.nn.functional.pad(t, (0, 3)) for t in (ids, mask))
        assert torch.allclose(bone.pooled(*padded), states.mean(1), atol=1e-5)
