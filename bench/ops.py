"""Every fast op beside the plain one: same process, same tensors, alternating, medians and their ratio.

    python bench/ops.py [--rounds 9] [--threads 1] [--only attention,norm] [--json]

Time is CPU time of the process, so that other work on the machine distorts it little; numbers are bf16 where that is
fast. Shapes: 8 rows of 220 input tokens at Flan-T5-base's width (768, 12 heads, 2048 between), its vocabulary with 320
labels, BLOOM's with 64.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

ROWS, TOKENS, WIDTH, HEADS, BETWEEN, P = 8, 220, 768, 12, 2048, 0.1
Side = Callable[[], Any]
Row = tuple[str, Side, Side]
"""Name, plain, fast."""


def learnt(change: Callable[..., Any], *inputs: Any) -> Side:
    """Value and gradients."""
    import torch

    upstream = torch.randn_like(change(*inputs))
    return lambda: torch.autograd.grad(change(*inputs), inputs, upstream)


def random(*shape: int, learns: bool = True) -> Any:
    import torch

    return torch.randn(*shape, dtype=kind(), requires_grad=learns)


def kind() -> Any:
    """bf16 where this machine is fast in it, else fp32, as models are trained."""
    import torch

    from luthier.machine import fast_precision

    return torch.bfloat16 if fast_precision() == "bf16" else torch.float32


def dropout_rows() -> Iterator[Row]:
    from torch.nn import functional as F

    from luthier.ops.dropout import dropout

    for name, shape in {
        "hidden states": (ROWS, TOKENS, WIDTH),
        "attention weights": (ROWS, HEADS, TOKENS, TOKENS),
    }.items():
        x = random(*shape)
        yield f"dropout, {name}", learnt(lambda t: F.dropout(t, P), x), learnt(lambda t: dropout(t, P), x)


def norm_rows() -> Iterator[Row]:
    from transformers.models.t5.modeling_t5 import T5LayerNorm

    from luthier.dress import dress

    plain, fast = (T5LayerNorm(WIDTH).to(kind()).requires_grad_(False) for _ in range(2))
    dress(fast)
    x = random(ROWS * TOKENS, WIDTH)
    yield "norm", learnt(plain, x), learnt(fast, x)


def gelu_rows() -> Iterator[Row]:
    from torch.nn import functional as F
    from transformers.activations import ACT2FN

    from luthier.ops.gates import TANH_GELU, gated

    act, gate, up = ACT2FN["gelu_new"], random(ROWS * TOKENS, BETWEEN), random(ROWS * TOKENS, BETWEEN)
    yield "gated gelu", learnt(lambda a, b: act(a) * b, gate, up), learnt(lambda a, b: gated(a, b, TANH_GELU), gate, up)
    yield (
        "gated gelu with dropout",
        learnt(lambda a, b: F.dropout(act(a) * b, P), gate, up),
        learnt(lambda a, b: gated(a, b, TANH_GELU, P), gate, up),
    )


def attention_rows() -> Iterator[Row]:
    import torch
    from torch import nn
    from torch.nn import functional as F

    from luthier.ops.attention import attention

    module, deep = nn.Module().train(), WIDTH // HEADS
    for queries in (TOKENS, 1):
        q, k, v = (random(ROWS, HEADS, n, deep) for n in (queries, TOKENS, TOKENS))
        bias, mask = (
            random(1, HEADS, queries, TOKENS, learns=False),
            torch.zeros(ROWS, 1, queries, TOKENS, dtype=kind()),
        )

        def plain(a: Any, b: Any, c: Any, p: float = 0.0, bias: Any = bias, mask: Any = mask) -> Any:
            weights = F.dropout((a @ b.transpose(2, 3) * 1.0 + (bias + mask)).softmax(-1), p)
            return (weights @ c).transpose(1, 2).contiguous()

        def fast(a: Any, b: Any, c: Any, p: float = 0.0, bias: Any = bias, mask: Any = mask) -> Any:
            once = bias.view(bias.shape)  # layers share the sum of a bias and a mask: here it is made anew every time
            return attention(module, a, b, c, mask, position_bias=once, scaling=1.0, dropout=p)[0]

        still = [t.detach() for t in (q, k, v)]
        answering = torch.inference_mode()
        yield (
            f"attention, {queries} queries, answering",
            answering(partial(plain, *still)),
            answering(partial(fast, *still)),
        )
        if queries > 1:
            yield "attention, training", learnt(plain, q, k, v), learnt(fast, q, k, v)
            yield (
                "attention, training with dropout",
                learnt(lambda *t, plain=plain: plain(*t, P), q, k, v),
                learnt(lambda *t, fast=fast: fast(*t, P), q, k, v),
            )


def product_rows() -> Iterator[Row]:
    import torch
    from torch import nn

    from luthier.dress import dress

    # More weights than a cache holds, as in a model: what counts is how fast they are read.
    plain = nn.ModuleList(nn.Linear(WIDTH, BETWEEN, bias=False) for _ in range(40)).to(kind()).requires_grad_(False)
    fast = copy.deepcopy(plain)
    dress(fast)

    def multiplied(layers: Any, x: Any) -> Any:
        with torch.inference_mode():
            return [layer(x) for layer in layers]

    for rows in (1, 24):
        x = random(rows, WIDTH, learns=False)
        yield f"40 products of {rows} rows", partial(multiplied, plain, x), partial(multiplied, fast, x)


def loss_rows() -> Iterator[Row]:
    import torch
    from torch.nn import functional as F

    from luthier.ops.label_loss import label_loss

    for labels, vocabulary, width in ((320, 32_128, WIDTH), (64, 250_880, 1024)):
        # Of a model's own size: products of plain noise are so large that their softmax is full of denormal numbers.
        hidden, head = random(labels, width), random(vocabulary, width, learns=False) * width**-0.5
        wanted = torch.randint(0, vocabulary, (labels,))

        def plain(h: Any, head: Any = head, wanted: Any = wanted) -> Any:
            return F.cross_entropy(F.linear(h, head).float(), wanted, reduction="sum")

        def fast(h: Any, head: Any = head, wanted: Any = wanted) -> Any:
            return label_loss(h, head, None, wanted)

        yield f"loss, {labels} labels of {vocabulary:,}", learnt(plain, hidden), learnt(fast, hidden)


PARTS = {
    "dropout": dropout_rows,
    "norm": norm_rows,
    "gelu": gelu_rows,
    "attention": attention_rows,
    "products": product_rows,
    "loss": loss_rows,
}


def measured(row: Row, rounds: int) -> dict[str, Any]:
    """Plain, fast, plain, fast …; the ratio is the median over the rounds of plain / fast."""
    name, *sides = row
    seconds: list[list[float]] = [[], []]
    for number in range(rounds + 1):
        for side, spent in zip(sides, seconds):
            started = time.process_time()
            side()
            if number:  # the first round pays for buffers
                spent.append(time.process_time() - started)
    plain, fast = (statistics.median(s) * 1000 for s in seconds)
    ratio = statistics.median(p / f if f else math.inf for p, f in zip(*seconds))
    return {"op": name, "plain_milliseconds": plain, "fast_milliseconds": fast, "ratio": ratio}


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=9)
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--only", default=",".join(PARTS), help="parts, with commas: " + ", ".join(PARTS))
    options.add_argument("--json", action="store_true")
    chosen = options.parse_args()
    unknown = [part for part in chosen.only.split(",") if part not in PARTS]
    if unknown:
        options.error(f"--only has no part {unknown[0]!r}; parts are {', '.join(PARTS)}")
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    import torch

    torch.set_num_threads(chosen.threads)
    torch.manual_seed(0)
    rows = (measured(row, chosen.rounds) for part in chosen.only.split(",") for row in PARTS[part]())
    if chosen.json:
        print(json.dumps(list(rows), indent=1))
        return 0
    print(f"{'op, value and gradient':38}{'plain ms':>10}{'fast ms':>10}{'ratio':>8}")
    for r in rows:
        fast = f"{r['plain_milliseconds']:10.2f}{r['fast_milliseconds']:10.2f}{r['ratio']:7.2f}×"
        print(f"{r['op']:38}{fast}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
