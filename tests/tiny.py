"""The package's tiny models of every family (`luthier.bases.tinies`), and what the tests do with them."""

from __future__ import annotations

from functools import cache, partial

import pytest
import torch

from luthier.bases.tinies import SIZE, SPECIAL, WORDS, model, tokenizer
from luthier.capability import TEXTS, examples, task
from luthier.families import FAMILIES as FAMILY_TABLES

__all__ = ["SIZE", "SPECIAL", "TEXTS", "WORDS", "examples", "model", "task", "tokenizer"]

FAMILIES = {f: partial(model, f) for f in ("t5", "bart", "bert", "roberta", "gpt2", "bloom", "llama", "qwen2", "qwen3")}
MORE = {f: partial(model, f) for f in ("mistral", "gemma", "gemma2", "opt", "modernbert")}
MORE["gemma3"] = partial(model, "gemma3_text")
"""Families whose contracts are few in the fast suite and all in `make matrix`."""
t5, bert, bloom = FAMILIES["t5"], FAMILIES["bert"], FAMILIES["bloom"]

LOUDER, LOUD_END = {"bart": 10.0}, {"t5": 4.0, "bart": -3.0}


def backbone(family: str, layers: int = 2):
    """A fresh frozen backbone of a family."""
    from luthier.backbone import Backbone

    made = (FAMILIES | MORE)[family](layers)
    return Backbone.of(made, tokenizer(FAMILY_TABLES[made.config.model_type].kind), f"tiny-{family}")


# -- one small task for all of them -----------------------------------------------------------------------------------

METHODS = (
    "lora(rank=4)",
    "dora(rank=4)",
    "ia3",
    "bitfit(everywhere=True)",
    "layernorm",
    "bottleneck(size=8)",
    "prompt(tokens=5)",
    "ptuning(tokens=5)",
    "prefix(tokens=5)",
    "full(learning_rate=0.001)",
    "peft('VERA', r=4, learning_rate=0.01)",
)
FEW = ("lora(rank=4)", "layernorm", "prompt(tokens=5)", "prefix(tokens=5)")
"""What the fast suite tries on the families of `MORE`."""


def combinations():
    """(family, method) of every contract; the ones that only `make matrix` runs carry its mark."""
    slow = pytest.mark.matrix
    own = [pytest.param(f, word) for f in FAMILIES for word in METHODS]
    more = [pytest.param(f, word, marks=() if word in FEW else slow) for f in MORE for word in METHODS]
    return pytest.mark.parametrize(("family", "word"), own + more)


def greedy(bone, layouts, inputs, decoding, call) -> list[list[int]]:
    """What every row says, in the order of the rows; ids without padding, the end token included."""
    from luthier.decode import answers

    order = range(len(inputs))
    said = {one.row: one.ids for one in answers(bone, layouts, inputs, order, decoding, call)}
    return [said[row] for row in order]


@cache
def shared(family: str, layers: int = 2):
    """One frozen backbone for many tests; every test that uses it leaves it bit for bit as it was."""
    return backbone(family, layers)


def budget(**more):
    from luthier.records import Budget

    return Budget(**({"steps": 30, "batch_size": 5, "max_input_tokens": 40, "max_answer_tokens": 16} | more))


def plan(bone):
    """The tokens of the small task."""
    from luthier import encode

    return encode.plan(bone, task(bone.kind), examples(bone.kind), budget())


def delta(bone, word: str, seed: int = 0, moved: float = 0.0):
    """A method's delta with the head the task needs; `moved` adds noise of that size to all it trains."""
    from luthier.methods import METHODS
    from luthier.spell import parse
    from luthier.trial import fresh_delta

    made = fresh_delta(bone, parse(word, METHODS), task(bone.kind), seed)
    noise = torch.Generator().manual_seed(seed + 1)
    with torch.no_grad():
        for parameter in made.trained().values() if moved else ():
            parameter.add_((torch.randn(parameter.shape, generator=noise) * moved).to(parameter.device))
    return made.eval()


def scores(bone, made, rows=None, tokens=None):
    """What the model says with a delta attached: logits at the label positions, or a head's logits."""
    from luthier.batches import Layout, collate
    from luthier.delta import attach
    from luthier.train import class_logits, label_logits

    tokens = tokens or plan(bone)
    batch = collate(tokens, range(len(tokens)) if rows is None else rows, Layout.of(bone, made), bone.device)
    with torch.no_grad(), attach(bone.model, made):
        return class_logits(bone, made, batch) if made.head is not None else label_logits(bone, batch)


@cache
def ending(family: str):
    """A shared backbone whose rows say different things and end at different times.

    Its matrices are louder than a fresh model's, its output head is its own, and the end token's row louder still.
    """
    from luthier.backbone import Backbone

    loud, noise = (FAMILIES | MORE)[family](), torch.Generator().manual_seed(7)
    head = loud.get_output_embeddings()
    with torch.no_grad():
        for parameter in loud.parameters():
            if parameter.ndim == 2 and family != "t5":
                parameter.mul_(LOUDER.get(family, 5.0))
        words = torch.randn(head.weight.shape, generator=noise)
        words[1] *= LOUD_END.get(family, 2.0)
        head.weight = torch.nn.Parameter(words)
    return Backbone.of(loud, tokenizer("seq2seq" if family in ("t5", "bart") else "causal"), f"ending-{family}")
