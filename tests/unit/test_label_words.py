"""Labels told by words at an encoder's masks: what is read there, what it scores, and that it trains."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from luthier import encode, slots
from luthier.batches import Layout, collate
from luthier.decode import Decoding
from luthier.delta import Delta, attach
from luthier.errors import DataError, Refused, SpellingError
from luthier.methods import METHODS
from luthier.predict import label_ids, predict, word_scores
from luthier.records import Example
from luthier.spell import parse
from luthier.tasks import Classify, infer
from luthier.train import Training, mean_loss, slot_scores
from luthier.trial import demonstrations, fresh_delta
from tests import tiny

ENCODERS = ("bert", "roberta", "modernbert")
WRITERS = ("t5", "bart", "gpt2", "llama")
PROMPT = "{text} . the cat ran [MASK] ."
TASK = Classify(prompt=PROMPT, answer="label", labels=("1", "0"), words=("good", "bad"), head=False)
LONG = replace(TASK, words=("good", "yes the dog"))


def examples(texts=tiny.TEXTS) -> list[Example]:
    return [Example(str(n), str(n), {"text": t}, (("1", "1", "0")[n % 3],)) for n, t in enumerate(texts)]


def by_hand(bone, text: str, word: str, masks: int) -> float:
    """The summed log-probability of a word's pieces at as many masks, from the whole logits of one unpadded row."""
    words = bone.tokenizer
    frame = [words(t, add_special_tokens=False)["input_ids"] for t in (f"{text} . the cat ran", ".")]
    ids = [words.cls_token_id, *frame[0], *[words.mask_token_id] * masks, *frame[1], words.sep_token_id]
    with torch.no_grad():
        said = bone.model(input_ids=torch.tensor([ids]), attention_mask=torch.ones(1, len(ids)))
    likely = (said.prediction_logits if bone.model.config.model_type == "bert" else said.logits)[0].log_softmax(-1)
    found = words(word, add_special_tokens=False)["input_ids"]
    return sum(likely[1 + len(frame[0]) + k, piece].item() for k, piece in enumerate(found))


@pytest.mark.parametrize("family", ENCODERS)
def test_the_score_is_the_masked_models_own(family):
    bone, rows = tiny.shared(family), examples()
    made = encode.plan(bone, TASK, rows, tiny.budget())
    scores = word_scores(bone, Delta({}), label_ids(bone, TASK), made, range(len(rows)))
    wanted = [[by_hand(bone, e.fields["text"], w, 1) for w in TASK.words] for e in rows]
    assert scores.numpy() == pytest.approx(np.array(wanted), abs=2e-4)


@pytest.mark.parametrize("family", ENCODERS)
def test_words_of_several_pieces_stand_on_equal_footing(family):
    bone, rows = tiny.shared(family), examples()
    made = encode.plan(bone, LONG, rows, tiny.budget())
    assert made.pieces.tolist()[0][1:] == [-1, -1] and min(made.pieces.tolist()[1]) >= 0
    assert all((ids == bone.tokenizer.mask_token_id).sum() == 3 for ids in made.inputs)
    scores = word_scores(bone, Delta({}), label_ids(bone, LONG), made, range(len(rows)))
    wanted = [
        [3 * by_hand(bone, e.fields["text"], LONG.words[0], 3), by_hand(bone, e.fields["text"], LONG.words[1], 3)]
        for e in rows
    ]
    assert scores.numpy() == pytest.approx(np.array(wanted), abs=6e-4)


@pytest.mark.parametrize("family", ENCODERS)
@pytest.mark.parametrize(
    "word",
    ["lora(rank=4)", "prompt(tokens=5)", "prefix(tokens=5)", "bitfit(everywhere=True)", "full(learning_rate=0.003)"],
)
def test_they_train_and_batched_is_single(family, word):
    bone, rows = tiny.backbone(family), examples()
    made = encode.plan(bone, LONG, rows, tiny.budget())
    delta = fresh_delta(bone, parse(word, METHODS), LONG, 0)
    assert delta.head is None
    before = mean_loss(bone, delta.eval(), made, tiny.budget())
    rate = 0.003 if word.startswith("full") else 0.03
    steps = list(Training(bone, delta, made, tiny.budget(steps=12), rate, 0).steps())
    assert len(steps) == 12 and mean_loss(bone, delta.eval(), made, tiny.budget()) < before
    together = {p.id: p for p in predict(bone, delta, LONG, rows, made, Decoding())}
    for number in (1, 4):
        own = encode.plan(bone, LONG, [rows[number]], tiny.budget())
        (alone,) = predict(bone, delta, LONG, [rows[number]], own, Decoding())
        assert alone.probabilities == pytest.approx(together[alone.id].probabilities, abs=1e-4)
    bone.check_untouched()


@pytest.mark.parametrize("family", [*ENCODERS, *WRITERS])
@pytest.mark.parametrize("word", ["zero_shot", "few_shot(examples=2)"])
def test_what_trains_nothing_reads_words_on_every_family(family, word, tmp_path):
    """The default task: a class head for what is trained on an encoder, words for what is not."""
    bone, rows, method = tiny.shared(family), examples(), parse(word, METHODS)
    task = replace(TASK, head=None)
    from luthier.trial_folder import as_asked

    delta, asked = fresh_delta(bone, method, task, 0), as_asked(method, task)
    assert delta.head is None and asked.head is False
    shots = demonstrations(method, asked, rows, 0) if method.shots else []
    made = encode.plan(bone, asked, rows, tiny.budget(), shots)
    encode.keep(tmp_path / "plan.safetensors", made)
    made = encode.kept(tmp_path / "plan.safetensors")
    said = {p.id: p for p in predict(bone, delta, asked, rows, made, Decoding())}
    assert len({round(p.probabilities["1"], 6) for p in said.values()}) > 5, "the text decides"
    assert all(sum(p.probabilities.values()) == pytest.approx(1) for p in said.values())
    shown = bone.tokenizer.decode(made.inputs[0])
    for s in shots:
        assert f"{s.fields['text']} . the cat ran {dict(zip(task.labels, task.words))[s.references[0]]}" in shown
    if bone.kind == "encoder":
        trained = fresh_delta(bone, parse("lora(rank=4)", METHODS), task, 0)
        assert trained.head is not None and encode.plan(bone, task, rows, tiny.budget()).pieces.size == 0


def test_a_long_row_loses_text_and_never_the_slot():
    bone = tiny.shared("bert")
    rows = examples(["a b c", " ".join(["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"] * 6)])
    made = encode.plan(bone, TASK, rows, tiny.budget(max_input_tokens=20))
    assert made.cut_inputs == 1 and len(made.inputs[1]) == 20
    assert bone.tokenizer.decode(made.inputs[1]).endswith(". the cat ran <mask> . <sep>")
    whole = encode.plan(bone, TASK, rows[:1], tiny.budget(max_input_tokens=20))
    assert made.inputs[0].tolist() == whole.inputs[0].tolist()
    with pytest.raises(DataError, match="prompt alone"):
        encode.plan(bone, TASK, rows, tiny.budget(max_input_tokens=8))


def test_a_mask_in_the_text_is_no_slot():
    bone = tiny.shared("bert")
    made = encode.plan(bone, TASK, examples(["a <mask> b", "a b"]), tiny.budget())
    assert [(ids == bone.tokenizer.mask_token_id).sum() for ids in made.inputs] == [1, 1]
    assert bone.tokenizer.unk_token_id in made.inputs[0]


def test_a_prompt_without_a_slot_has_it_at_the_end():
    bone = tiny.shared("bert")
    made = encode.plan(bone, replace(TASK, prompt="{text} . the cat : "), examples(), tiny.budget())
    assert bone.tokenizer.decode(made.inputs[0]) == "<cls> a b c . the cat : <mask> <sep>"


@pytest.mark.parametrize("family", ["t5", "gpt2"])
def test_writers_read_the_same_pattern_up_to_the_slot(family):
    bone = tiny.shared(family)
    made = encode.plan(bone, TASK, examples(), tiny.budget())
    plain = encode.plan(bone, replace(TASK, prompt="{text} . the cat ran "), examples(), tiny.budget())
    assert [i.tolist() for i in made.inputs] == [i.tolist() for i in plain.inputs]
    with pytest.raises(Refused, match="behind the slot"):
        encode.plan(bone, replace(TASK, prompt="[MASK] : {text}"), examples(), tiny.budget())


def test_words_that_cannot_compete_are_refused():
    bone = tiny.shared("bert")
    for words, message in ((("good", "splendid"), "is unknown"), (("good", " good "), "is the same as")):
        with pytest.raises(Refused, match=message):
            fresh_delta(bone, METHODS["zero_shot"](), replace(TASK, words=words), 0)
    with pytest.raises(Refused, match="no trained class head"):
        fresh_delta(bone, METHODS["zero_shot"](), replace(TASK, head=True), 0)
    with pytest.raises(SpellingError, match="2 slots"):
        Classify(prompt="{text} [MASK] [MASK]")


def test_the_batch_carries_the_words():
    bone, rows = tiny.shared("bert"), examples()
    made = encode.plan(bone, LONG, rows, tiny.budget())
    batch = collate(made, range(len(rows)), Layout.of(bone, Delta({})))
    with torch.no_grad(), attach(bone.model, Delta({})):
        assert slot_scores(bone, batch, batch.pieces_LK).shape == (len(rows), 2)
    assert slots.pieces(bone, LONG).tolist() == made.pieces.tolist()


def test_reviews_are_read_at_a_slot(shared_data):
    """Real Chinese reviews under the vocabulary of a published Chinese BERT, with random weights of a tiny one."""
    import transformers as hf

    from luthier.backbone import Backbone

    vocabulary = next((shared_data / "tokenizers").glob("*vocab*.txt"))
    words = hf.BertTokenizerFast(vocab=str(vocabulary))
    torch.manual_seed(0)
    config = hf.BertConfig(
        vocab_size=len(words), hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48
    )
    bone = Backbone.of(hf.BertForPreTraining(config), words, "tiny-bert-zh")
    lines = (shared_data / "chnsenticorp" / "dev.jsonl").read_text(encoding="utf-8").split("\n")
    rows = [json.loads(line) for line in lines[:40]]
    task, _ = infer(rows, prompt="{text}总的来说很[MASK]。", answer="label", task="classify(words=('差劲','不错'))")
    from luthier.tasks import examples as to_examples
    from luthier.tasks import with_labels

    made, _ = to_examples(task, rows, "dev")
    task = with_labels(task, made, {})
    asked = replace(task, head=False)
    plan = encode.plan(bone, asked, made, tiny.budget(max_input_tokens=64))
    assert plan.pieces.shape == (2, 2) and plan.pieces.min() >= 0 and plan.cut_inputs > 0
    assert all(words.decode(ids).replace(" ", "").endswith("总的来说很[MASK][MASK]。[SEP]") for ids in plan.inputs)
    said = list(predict(bone, fresh_delta(bone, METHODS["zero_shot"](), task, 0), asked, made, plan, Decoding()))
    assert len(said) == 40 and {p.prediction for p in said} <= {"0", "1"}
