"""The continuous batch: whatever comes, goes, is added or removed meanwhile, every row says what it says alone."""

from __future__ import annotations

import copy
import itertools
import random
from types import SimpleNamespace

import elsewhere
import pytest
import tiny
import torch
from pydantic import ValidationError

from luthier import encode, tasks
from luthier.answers import single
from luthier.batches import Layout
from luthier.decode import Decoding
from luthier.delta import attach
from luthier.errors import DataError, Refused
from luthier.ship.ask import Ask, Wish
from luthier.ship.openai import ChatRequest
from luthier.ship.room import Room
from luthier.ship.served import Served
from luthier.ship.turns import Full, Limits, Turns

WORDS = ("lora(rank=4)", "prompt(tokens=5)", "prefix(tokens=3)", "ia3")
MOST = 10
CHAT = (
    "{% for m in messages %}{{ '<s>' + m['role'][0] + ' : ' + m['content'] + '</s>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<s>a : ' }}{% endif %}"
)
ROOMS: list[Room] = []


@pytest.fixture(autouse=True)
def nothing_stays_attached():
    """The backbones are shared with other tests."""
    yield
    while ROOMS:
        ROOMS.pop()._seats.clear()


def served(bone, word: str, seed: int = 0, name: str = "") -> Served:
    run = SimpleNamespace(backbone=bone, task=tiny.task(bone.kind), decoding=Decoding(MOST), budget=tiny.budget())
    return Served(name or f"{word}#{seed}", run, tiny.delta(bone, word, seed, moved=0.1), "v")


def room(bone, words=WORDS, **limits) -> Room:
    made = Room(bone, Limits(**{"rows": 6, "waiting": 200} | limits))
    ROOMS.append(made)
    for seed, word in enumerate(words):
        made.add(served(bone, word, seed))
    return made


def ask(one: Served, row: int, told: list[Ask] | None = None, **wish) -> Ask:
    return Ask(
        one,
        tiny.plan(one.run.backbone).inputs[row],
        Wish(**{"most": MOST} | wish),
        [].append if told is None else told.append,
    )


def alone(one: Served, row: int) -> list[int]:
    layout = Layout.of(one.run.backbone, one.delta)
    with torch.inference_mode(), attach(one.run.backbone.model, one.delta) as call:
        ids = layout.row(tiny.plan(one.run.backbone).inputs[row])
        return tiny.greedy(one.run.backbone, layout, [ids], Decoding(MOST), call)[0]


def finish(made: Room) -> None:
    for _ in range(1000):
        if not made.step():
            return
    pytest.fail("the room does not come to rest")


@pytest.mark.parametrize("family", ["t5", "qwen3", "bloom"])
def test_rows_that_come_at_random_say_what_they_say_alone(family):
    bone, dice = tiny.ending(family), random.Random(5)
    made, asked = room(bone), []
    while len(asked) < 20 or made.step():
        if len(asked) < 20:
            rows = [dice.randrange(10) for _ in range(dice.randrange(4))]
            new = [ask(dice.choice(list(made.served.values())), row) for row in rows]
            made.submit(new)
            asked += zip(new, rows)
            made.step()
    made._seats.clear()
    right = {(one.served, row): alone(one.served, row) for one, row in asked}
    for one, row in asked:
        assert one.ended and one.said == right[one.served, row], (family, one.served.name, row)
    assert len({tuple(said) for said in right.values()}) > 2
    bone.check_untouched()


@pytest.mark.parametrize("family", ["t5", "qwen3", "bloom"])
def test_on_a_device_that_is_not_the_cpu_rows_say_the_same(family):
    def said(bone) -> list[list[int]]:
        made = room(bone)
        asks = [
            ask(one, row, temperature=warm, seed=3)
            for warm in (0.0, 1.0)
            for row, one in enumerate(made.served.values())
        ]
        made.submit(asks)
        finish(made)
        made._seats.clear()
        return [one.said for one in asks]

    here = said(tiny.backbone(family))
    with elsewhere.played():
        assert said(elsewhere.moved(tiny.backbone(family))) == here


def test_what_is_removed_or_renewed_meanwhile_changes_no_row_under_way():
    bone = tiny.ending("llama")
    made = room(bone)
    old = made.served["lora(rank=4)#0"]
    right = {one: alone(one, row) for row, one in enumerate(made.served.values())}
    asks = [ask(one, row) for row, one in enumerate(right)]
    made.submit(asks)
    made.step()
    newer = served(bone, "lora(rank=4)", 9, name=old.name)
    added = made.between(lambda: made.add(newer))
    gone = made.between(lambda: made.served.pop("ia3#3"))
    late = ask(newer, 0)
    made.submit([late])
    finish(made)
    assert added.done() and gone.done() and list(made.served) == [old.name, "prompt(tokens=5)#1", "prefix(tokens=3)#2"]
    made._seats.clear()
    assert [a.said for a in asks] == list(right.values())
    assert late.said == alone(newer, 0) != asks[0].said
    bone.check_untouched()


def test_a_row_nobody_waits_for_leaves_at_the_next_step():
    made, told = room(tiny.ending("gpt2")), []
    one = next(iter(made.served.values()))
    waiting, running = ask(one, 1, told), ask(one, 0, told)
    made.submit([running])
    made.step()
    made.submit([waiting])
    running.gone = waiting.gone = True
    made.step()
    assert made.load == (0, 0) and [(a is running, a.ended) for a in told] == [(False, "gone"), (True, "gone")]
    assert not waiting.said and len(running.said) < MOST


def test_more_rows_than_may_wait_are_refused_all_together():
    made = room(tiny.shared("gpt2"), waiting=3)
    one = next(iter(made.served.values()))
    made.submit([ask(one, 0), ask(one, 1)])
    with pytest.raises(Full):
        made.submit([ask(one, 2), ask(one, 3)])
    assert made.load == (0, 2)


def test_a_fault_ends_the_rows_it_hit_and_the_next_ones_are_served(monkeypatch):
    made = room(tiny.ending("gpt2"))
    one = next(iter(made.served.values()))
    hit, later = ask(one, 0), ask(one, 0)
    made.submit([hit])
    made.step()
    with monkeypatch.context() as broken:
        broken.setattr("luthier.flow.Causal.next", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            made.step()
    assert hit.ended == "failed" and made.load == (0, 0)
    made.submit([later])
    finish(made)
    made._seats.clear()
    assert later.said == alone(one, 0)


def test_weights_that_replace_the_backbones_are_served_alone():
    bone = tiny.shared("gpt2")
    with pytest.raises(Refused, match="full"):
        room(bone, ("full", "ia3"))
    assert list(room(bone, ("full",)).served) == ["full#0"]


@pytest.mark.parametrize(("first", "second"), [("full", "lora(rank=4)"), ("lora(rank=4)", "full")])
def test_weights_that_replace_the_backbones_wait_for_the_rows_of_the_others(first, second):
    bone = tiny.ending("llama")
    made = room(bone, (first,))
    (one,) = made.served.values()
    right, other = alone(one, 0), served(bone, second, 3)
    row = ask(one, 0)
    made.submit([row])
    made.step()
    made.between(lambda: made.served.pop(one.name)).add_done_callback(lambda done: done.result())
    refused = made.between(lambda: made.add(other))
    finish(made)
    with pytest.raises(Refused, match="have ended"):
        refused.result()
    assert row.said == right
    added = made.between(lambda: made.add(other))
    late = ask(other, 1)
    made.submit([late])
    finish(made)
    added.result()
    made._seats.clear()
    assert late.said == alone(other, 1), "what nobody needs any more is off the backbone"


def test_a_row_whose_delta_went_before_it_could_wait_is_refused_beside_what_came_instead():
    bone = tiny.ending("llama")
    made = room(bone, ("lora(rank=4)",))
    late = ask(made.served.pop("lora(rank=4)#0"), 0)  # its text is being tokenised meanwhile
    made.add(served(bone, "full", 3))
    with pytest.raises(Refused, match="full"):
        made.submit([late])
    assert made.load == (0, 0)


def test_what_was_mounted_alone_does_not_stay_for_the_next_rows():
    bone = tiny.ending("llama")
    made = room(bone, ("full",))
    (one,) = made.served.values()
    made.submit([ask(one, 0)])
    finish(made)
    made.served.clear()  # without a change between two steps, which would detach everything
    made.served["ia3"] = other = served(bone, "ia3", 3)
    late = ask(other, 1)
    made.submit([late])
    finish(made)
    made._seats.clear()
    assert late.said == alone(other, 1)


def test_a_newcomer_that_cannot_be_read_hurts_no_row_under_way(monkeypatch):
    made = room(tiny.ending("gpt2"))
    one = next(iter(made.served.values()))
    under_way, bad = ask(one, 0), ask(one, 1)
    made.submit([under_way])
    made.step()
    made.submit([bad])
    with monkeypatch.context() as broken:
        broken.setattr("luthier.ship.running.start", lambda *_: 1 / 0)
        made.step()
    assert bad.ended == "failed" and not under_way.ended
    finish(made)
    made._seats.clear()
    assert under_way.said == alone(one, 0)


def test_rows_that_the_end_of_the_server_cuts_off_are_told():
    made = room(tiny.ending("gpt2"))
    one = next(iter(made.served.values()))
    asks = [ask(one, row) for row in range(8)]
    made.submit(asks)
    made.step()
    made.between(made.end_all)
    finish(made)
    assert {a.ended for a in asks} <= {"stopped", "stop", "length"} and "stopped" in {a.ended for a in asks}
    assert made.load == (0, 0)


def test_the_coldest_wishes_are_greedy():
    one = next(iter(room(tiny.ending("gpt2")).served.values()))
    logits = torch.tensor([0.0, 80.0, 3.0])
    assert ask(one, 0, temperature=1.0, top_p=0.0).sample(logits) == 1
    assert ask(one, 0, temperature=1.0, top_p=1e-50).sample(logits) == 1
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    assert ChatRequest(**body, temperature=1e-39).wish(4).temperature == 0


def test_a_client_may_send_back_what_it_was_sent():
    """Fields that are empty, and settings that change no answer, are no error; one that would is."""
    said = {
        "role": "assistant",
        "content": "Hello.",
        "refusal": None,
        "tool_calls": [],
        "annotations": [],
        "audio": None,
    }
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}, said, {"role": "user", "content": "and?"}]}
    empty = {"tools": [], "logit_bias": {}, "top_logprobs": None, "store": False, "metadata": {"a": "b"}}
    assert [m.turn[1] for m in ChatRequest(**body, **empty).messages] == ["hi", "Hello.", "and?"]
    for strange in ({"tools": [{"type": "function"}]}, {"logit_bias": {"1": 2}}, {"top_k": 5}):
        with pytest.raises(ValidationError):
            ChatRequest(**body, **strange)


@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_classes_of_several_deltas_are_those_of_each_alone(family):
    from luthier.encode import Plan
    from luthier.predict import predict
    from luthier.tasks import Classify

    bone = tiny.shared(family)
    words = Classify(prompt="{text}", answer="label", labels=("good", "bad"))
    made = room(bone)
    for name, one in made.served.items():
        made.served[name] = Served(name, SimpleNamespace(**vars(one.run) | {"task": words}), one.delta, "v")
    asks = [ask(one, row) for row in range(3) for one in made.served.values()]
    made.submit(asks)
    finish(made)
    made._seats.clear()
    inputs = tiny.plan(bone).inputs
    for number, one in enumerate(asks):
        row = number // len(WORDS)
        plan = Plan((inputs[row],), (inputs[row][:0],), tiny.plan(bone).classes[:1])
        said = next(predict(bone, one.served.delta, words, tiny.examples(bone.kind)[:1], plan, Decoding()))
        assert one.text == said.prediction and one.shares == pytest.approx(said.probabilities, abs=1e-5)


def test_sampling_follows_the_seed_and_not_the_company():
    made = room(tiny.ending("qwen3"))
    first, *others = made.served.values()
    wish = {"temperature": 2.0, "seed": 4}

    def said(company):
        asks = [ask(first, 0, **wish), *company]
        made.submit(asks)
        finish(made)
        return asks[0].said

    assert said([]) == said([ask(o, 3, **wish) for o in others])
    drawn = [ask(first, 0, temperature=2.0, seed=seed) for seed in range(8)]
    made.submit(drawn)
    finish(made)
    assert len({tuple(a.said) for a in drawn}) > 1
    narrow = ask(first, 0, temperature=2.0, top_p=1e-6)
    run_one(made, narrow)
    made._seats.clear()
    assert narrow.said == alone(first, 0), "the likeliest token alone is greedy"


def run_one(made: Room, one: Ask) -> None:
    made.submit([one])
    finish(made)


def test_text_that_streams_only_grows_and_a_stop_is_never_shown():
    bone = tiny.ending("gpt2")
    made = room(bone)
    one = next(iter(made.served.values()))
    plain = ask(one, 0)
    run_one(made, plain)
    words = plain.text.split()
    assert len(words) > 3, plain.text
    for stop in (words[2], f"{words[1]} {words[2]}", "nothing like it", plain.text[-1]):
        texts: list[str] = []
        streams = ask(one, 0, stops=(stop,), streams=True)
        streams.tell = lambda a, texts=texts: texts.append(a.text)
        run_one(made, streams)
        assert all(later.startswith(text) for text, later in itertools.pairwise(texts)), texts
        assert texts[-1] == (plain.text[: plain.text.find(stop)] if stop in plain.text else plain.text)
        assert not any(stop in text for text in texts)
        assert streams.ended == "stop" if stop in plain.text else streams.ended == plain.ended


def test_turns_are_fair_between_clients_and_between_the_deltas_of_a_client():
    def row(client: str, model: str) -> Ask:
        return Ask(SimpleNamespace(name=model), [0] * 5, Wish(5), lambda _: None, client)

    turns = Turns()
    for _ in range(20):
        turns.add(row("greedy", "a"))
    turns.take(4, 10**6)
    for _ in range(4):
        turns.add(row("greedy", "b"))
        turns.add(row("modest", "a"))
    order = [(a.client, a.served.name) for a in turns.take(8, 10**6)]
    assert order.count(("modest", "a")) == 4, order
    assert order.count(("greedy", "b")) >= 2, order
    assert turns.take(1, 1), "one row that is longer than all that may be read is still read"


@pytest.mark.parametrize("template", [None, CHAT], ids=["lines", "template"])
def test_a_chat_is_read_in_serving_exactly_as_in_training(template):
    """The messages of a client become the very ids that the same turns had in the training rows."""
    bone = tiny.backbone("llama")
    bone.tokenizer = copy.deepcopy(bone.tokenizer)
    bone.tokenizer.chat_template = template
    row = {"messages": [{"role": r, "content": t} for r, t in (("system", "no"), ("user", "a"), ("assistant", "b"))]}
    task, _ = tasks.infer([row])
    trained = encode.plan(bone, task, tasks.examples(task, [row], "train")[0], tiny.budget())
    one = served(bone, "lora(rank=4)")
    one.run.task, one.run.shots = task, list
    request = ChatRequest(model="m", messages=row["messages"][:2])
    ids = one.ids(one.asked_chat([message.turn for message in request.messages]))
    assert ids.tolist() == trained.inputs[0].tolist()
    first = tasks.examples(task, [{"messages": row["messages"][1:]}], "train")[0]
    assert one.ids(one.asked("a")).tolist() == encode.plan(bone, task, first, tiny.budget()).inputs[0].tolist()


def test_one_text_fills_the_one_column_that_is_needed():
    asked = tasks.Answer(prompt="{context?}\n\nQuestion: {question}", answer="answer")
    assert single(asked, "why?").fields == {"context": "", "question": "why?"}
    one = Served("m", SimpleNamespace(task=asked), None, "v")
    assert one.asked({"question": "why?", "context": "so"}).fields == {"context": "so", "question": "why?"}
    assert one.asked({"question": "why?"}).fields == one.asked("why?").fields
    for wrong in ({"context": "so"}, {"question": "why?", "other": "x"}):
        with pytest.raises(DataError, match="The columns are"):
            one.asked(wrong)
    with pytest.raises(DataError, match="needs the columns a, b"):
        single(tasks.Answer(prompt="{a} {b}", answer="answer"), "text")
