"""The loops of the C++ files beside this one, built on this machine for its processor, where it has a compiler.

Built once in about ten seconds, kept in the cache folder under a name that says of what, with what and for which
processor. Where that fails, or `LUTHIER_KERNELS=torch` says so, every op takes its way through torch: the same
function, in more passes. Both draw dropout from torch's generator, but not the same masks.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..machine import cache_folder, processor

SOURCES = sorted(file for file in Path(__file__).parent.iterdir() if file.suffix in (".cpp", ".h"))
COMPILERS = ("c++", "g++", "clang++")
FLAGS = ("-O3", "-march=native", "-fopenmp", "-fno-math-errno", "-fno-trapping-math", "-std=c++17", "-fPIC", "-shared")
WIDE = ("-mprefer-vector-width=512",)
"""Of an x86 compiler, which else halves the vectors."""
PATIENCE = 60.0
"""Seconds for the compiler."""
KINDS = {torch.float32: "float32", torch.bfloat16: "bfloat16"}
ALL = 65536
CLOSE = 0.05
"""A keep probability may differ from the one asked for by this share of the rarer outcome."""

FEW = 64
"""Rows of a product up to which reading the weights is the work."""
DEEPEST = 12288
"""Numbers that are added up for one of a product of many rows: more, and a block of weights leaves the cache."""
SCORES = 1 << 22
"""Scores of a head up to which they are made again on the way back, in 4 bytes of a thread's memory each."""
CROWD = 8
"""Threads above which a product of many rows is torch's: it was measured with one and with two."""
ALONE = 32768
"""Numbers that one thread is done with before another is awake; torch's own loops go by the same figure."""

_long = ctypes.c_int64


class Coins(NamedTuple):
    """A dropout mask: an element is kept where a hash of `seed` and its place is below `kept` of 65,536."""

    seed: int
    kept: int


EVERYTHING = Coins(0, ALL)


class Scoring(NamedTuple):
    """How products of queries and keys become weights: dropout(softmax(products·scale + bias + mask))."""

    scale: float
    bias: Tensor | None
    mask: Tensor | None
    drop: Coins = EVERYTHING


def coins(p: float) -> Coins | None:
    """A mask with drop probability `p`, seeded by torch's generator; None where 65,536 parts are too coarse for it."""
    if p == 0.0:
        return EVERYTHING
    kept = round((1 - p) * ALL)
    if abs(kept / ALL - (1 - p)) > CLOSE * min(p, 1 - p):
        return None
    return Coins(int(torch.empty((), dtype=torch.int64).random_()), kept)


def ready(x: Tensor) -> bool:
    """Whether the loops are there for numbers like those of `x`: fp32 or bf16, on the CPU."""
    return x.dtype in KINDS and x.device.type == "cpu" and library() is not None


def takes(*tensors: Tensor) -> bool:
    """Whether the loops are there and read these tensors: contiguous, and of one kind."""
    return ready(tensors[0]) and all(t.dtype == tensors[0].dtype and t.is_contiguous() for t in tensors)


def dropped(x: Tensor, mask: Coins) -> Tensor:
    """x where the mask keeps, scaled by the inverse of the keep probability; else 0."""
    y = torch.empty_like(x)
    _call("dropped", x.dtype, x, y, _long(x.numel()), *_mask(mask))
    return y


def attention_weights(scores: Tensor, scoring: Scoring) -> Tensor:
    """`scores` (B, H, Q, K) become weights, to whose shape bias and mask expand; returns them after dropout."""
    seen = scores if scoring.drop.kept == ALL else torch.empty_like(scores)
    shape = map(_long, scores.shape)
    _call(
        "attention_weights", scores.dtype, scores, seen, *_scored(scoring, scores, scores.shape),
        ctypes.c_float(scoring.scale), *shape, *_mask(scoring.drop),
    )  # fmt: skip
    return seen


def attention_weights_backward(gradient: Tensor, weights: Tensor, scale: float, drop: Coins) -> Tensor:
    """`gradient`, of the weights after dropout, becomes that of the scores; returns the weights after dropout."""
    seen = weights if drop.kept == ALL else torch.empty_like(weights)
    keys = weights.shape[-1]
    sizes = _long(weights.numel() // keys), _long(keys)
    _call(
        "attention_weights_backward", weights.dtype, gradient, weights, seen, ctypes.c_float(scale), *sizes,
        *_mask(drop),
    )  # fmt: skip
    return seen


def attends(query: Tensor, key: Tensor, value: Tensor) -> bool:
    """Whether `attended` takes these: one query, or many in fp32 or on the matrix unit."""
    rows, heads, queries, deep = query.shape
    fits = key.shape == value.shape == (rows, key.shape[1], key.shape[2], deep) and heads % key.shape[1] == 0
    alike = key.dtype == value.dtype == query.dtype and query.stride(3) == key.stride(3) == value.stride(3) == 1
    return fits and alike and ready(query) and (queries == 1 or _in_cache(query, key))


def learns_to_attend(query: Tensor, key: Tensor, value: Tensor) -> bool:
    """Whether `attended_backward` takes what became of these."""
    return query.shape[1] == key.shape[1] and attends(query, key, value) and _in_cache(query, key)


def _in_cache(query: Tensor, key: Tensor) -> bool:
    (_, _, queries, deep), keys = query.shape, key.shape[2]
    if queries * keys > SCORES:
        return False
    if query.dtype == torch.float32:
        return deep % 16 == 0 and has_wide_vectors()
    return deep % 32 == 0 and has_matrix_unit()


def attended(query: Tensor, key: Tensor, value: Tensor, scoring: Scoring, norms: Tensor | None = None) -> Tensor:
    """weights · value, (B, Q, H, D), for queries (B, H, Q, D).

    Key and value (B, G, K, D) are shared by H / G heads. One query: without dropout, and only what lies between the
    first and the last open place is read. `norms` (B, H, Q, 2) in fp32 gets the largest score and the sum below it.
    """
    (rows, heads, queries, deep), (_, groups, keys, _) = query.shape, key.shape
    y, scores = query.new_empty(rows, queries, heads, deep), (rows, heads, queries, keys)
    places = *_kept(query), *_kept(key), *_kept(value), *_scored(scoring, query, scores)
    scale = ctypes.c_float(scoring.scale)
    if queries == 1 and norms is None:
        sizes = map(_long, (rows, heads, keys, groups, deep))
        _call("attended", query.dtype, query.contiguous(), *places[4:], y, scale, *sizes)
    else:
        sizes = map(_long, (*scores, groups, deep))
        _call("attended_by_many", query.dtype, *places, y, norms, scale, *sizes, *_mask(scoring.drop))
    return y


def attended_backward(
    gradient: Tensor, attended: Sequence[Tensor], scoring: Scoring, norms: Tensor, d_bias: Tensor | None = None
) -> list[Tensor]:
    """Gradients of query, key and value, heads of their own, from that (B, H, Q, D) of what was attended.

    That of a bias (1, H, Q, K) is added to `d_bias`, in fp32.
    """
    query, key, value = attended
    (rows, heads, queries, deep), keys = query.shape, key.shape[2]
    learnt = [query.new_empty(rows, count, heads, deep) for count in (queries, keys, keys)]
    scores = (rows, heads, queries, keys)
    _call(
        "attended_by_many_backward", query.dtype, *_kept(gradient), *_kept(query), *_kept(key), *_kept(value),
        *_scored(scoring, query, scores), norms, *learnt, d_bias, ctypes.c_float(scoring.scale),
        *map(_long, (*scores, deep)), *_mask(scoring.drop),
    )  # fmt: skip
    return [t.transpose(1, 2) for t in learnt]


def rms_norm(x: Tensor, weight: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
    """(weight · x / rms(x), 1 / rms(x) of every line in fp32 (…, 1))."""
    y, inverse = torch.empty_like(x), torch.empty(*x.shape[:-1], 1, dtype=torch.float32)
    _call("rms_norm", x.dtype, x, weight, y, inverse, ctypes.c_float(epsilon), *_lines(x))
    return y, inverse


def rms_norm_backward(gradient: Tensor, x: Tensor, weight: Tensor, inverse: Tensor) -> Tensor:
    """Gradient of x."""
    dx = torch.empty_like(x)
    _call("rms_norm_backward", x.dtype, gradient.contiguous(), x, weight, inverse, dx, *_lines(x))
    return dx


def gated(a: Tensor, b: Tensor | None, kind: int, mask: Coins) -> Tensor:
    """dropout(activation(a) · b); `kind` is 0 for SiLU, 1 for the tanh form of GELU."""
    y = torch.empty_like(a)
    _call("gated", a.dtype, a, b, y, _long(a.numel()), ctypes.c_int(kind), *_mask(mask))
    return y


def gated_backward(
    gradient: Tensor, a: Tensor, b: Tensor | None, kind: int, mask: Coins
) -> tuple[Tensor, Tensor | None]:
    """Gradients of a and b."""
    da, db = torch.empty_like(a), None if b is None else torch.empty_like(b)
    sizes = _long(a.numel()), ctypes.c_int(kind)
    _call("gated_backward", a.dtype, gradient.contiguous(), a, b, da, db, *sizes, *_mask(mask))
    return da, db


def cross_entropy(logits: Tensor, labels: Tensor, learn: bool) -> Tensor:
    """Losses (N) in nats, fp32; with `learn`, `logits` (N, V) become their gradient softmax(logits) − onehot(label)."""
    losses = torch.empty(len(logits), dtype=torch.float32)
    _call("cross_entropy", logits.dtype, logits, labels, losses, *_lines(logits), ctypes.c_int(learn))
    return losses


@cache
def has_wide_vectors() -> bool:
    """Whether the processor's vectors hold 16 floats: with 8, attention of many queries was no faster than torch's."""
    loaded = library()
    return loaded is not None and bool(loaded.has_wide_vectors())


@cache
def has_matrix_unit() -> bool:
    """Whether the processor multiplies tiles of bf16, and this process may."""
    loaded = library()
    return loaded is not None and bool(loaded.has_matrix_unit_bfloat16())


def multiplies(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> bool:
    """Whether `product` takes these."""
    columns, deep = weight.shape
    lines = weight.is_contiguous()
    return (
        weight.dtype == torch.bfloat16 == x.dtype
        and x.shape[-1] == deep
        and x.numel() > 0
        and columns % 16 == deep % 32 == 0
        and ((lines and x.numel() <= FEW * deep) or (deep <= DEEPEST and torch.get_num_threads() <= CROWD))
        and ready(x)
        and takes(weight if lines else weight.t(), *(() if bias is None else (bias,)))
        and has_matrix_unit()
    )


def product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x (…, i) · weight (o, i) + bias (o) or (…, o) in bf16, rounded once; weight or its transpose is contiguous."""
    x = x.contiguous()
    columns, deep = weight.shape
    y = x.new_empty(*x.shape[:-1], columns)
    lines, shape = weight.is_contiguous(), map(_long, (x.numel() // deep, columns, deep))
    added = bias, _long(columns if bias is not None and bias.ndim > 1 else 0)
    if lines and x.numel() <= FEW * deep:
        _call("product_of_few", x.dtype, x, weight, *added, y, *shape)
    else:
        _call("product_of_many", x.dtype, x, weight, *added, y, ctypes.c_int(lines), *shape)
    return y


def turns(x: Tensor, y: Tensor) -> bool:
    """Whether `product_of_turned` takes these."""
    (rows, lines), columns = x.shape, y.shape[1]
    return (
        x.dtype == torch.bfloat16 == y.dtype
        and 0 < rows <= DEEPEST
        and lines % 16 == columns % 16 == 0
        and torch.get_num_threads() <= CROWD
        and takes(x, y)
        and has_matrix_unit()
    )


def product_of_turned(x: Tensor, y: Tensor) -> Tensor:
    """xᵀ · y in bf16, rounded once: x (n, o), y (n, i), of any n."""
    (rows, lines), columns = x.shape, y.shape[1]
    z = x.new_empty(lines, columns)
    _call("product_of_turned", x.dtype, x, y, z, _long(rows), _long(lines), _long(columns))
    return z


def changed(x: Tensor, y: Tensor, a: Tensor, b: Tensor, scale: float) -> Tensor:
    """y + scale·b(a·x) in fp32, rounded once: x (…, i), y (…, o); a (r, i) and b (o, r) in fp32."""
    made = torch.empty_like(y)
    (rank, deep), width = a.shape, y.shape[-1]
    shape = map(_long, (x.numel() // deep, deep, width, rank))
    _call("low_rank", x.dtype, x, y, a, b, made, ctypes.c_float(scale), *shape)
    return made


# -- calls ----------------------------------------------------------------------------------------------------------


def _call(name: str, kind: torch.dtype, *given: Any) -> None:
    loaded = library()
    assert loaded is not None, "takes() said yes"
    plain = [_place(g) if g is None or isinstance(g, Tensor) else g for g in given]
    most = max(g.numel() for g in given if isinstance(g, Tensor))
    threads = torch.get_num_threads() if most > ALONE else 1
    getattr(loaded, f"{name}_{KINDS[kind]}")(*plain, ctypes.c_int(threads))


def _place(tensor: Tensor | None) -> ctypes.c_void_p:
    return ctypes.c_void_p(None if tensor is None else tensor.data_ptr())


def _mask(mask: Coins) -> tuple[Any, Any]:
    return ctypes.c_uint64(mask.seed), ctypes.c_uint32(mask.kept)


def _lines(x: Tensor) -> tuple[Any, Any]:
    width = x.shape[-1]
    return _long(x.numel() // width), _long(width)


def _spread(added: Tensor | None, like: Tensor, shape: Sequence[int]) -> tuple[Any, ...]:
    """Where a tensor that is added to all scores of that shape lies, and its steps from row to row, head to head, query
    to query."""
    if added is None:
        return (None, *map(_long, (0, 0, 0)))
    spread = added.to(like.dtype).expand(shape)
    return _kept(spread if spread.stride(-1) == 1 else spread.contiguous())


def _scored(scoring: Scoring, like: Tensor, shape: Sequence[int]) -> tuple[Any, ...]:
    return *_spread(scoring.bias, like, shape), *_spread(scoring.mask, like, shape)


def _kept(tensor: Tensor) -> tuple[Any, ...]:
    """Where a tensor of four dimensions lies, and its steps along the first three."""
    return (tensor, *map(_long, tensor.stride()[:3]))


# -- building -------------------------------------------------------------------------------------------------------


def kernels() -> str:
    """What the ops run through on this machine: `compiled` or `torch`."""
    return "torch" if library() is None else "compiled"


def build() -> str:
    """The same, by the name of what was built: other loops take other times."""
    loaded = library()
    return kernels() if loaded is None else Path(loaded._name).stem


@cache
def library() -> ctypes.CDLL | None:
    """The loops, built now if they are not there yet; None: there is no compiler, it failed, or nobody wants them."""
    if os.environ.get("LUTHIER_KERNELS") == "torch":
        return None
    compiler = next(filter(None, map(shutil.which, COMPILERS)), None)
    if compiler is None:
        return None
    flags = FLAGS + (WIDE if platform.machine() in ("x86_64", "AMD64") else ())
    facts = ([source.read_bytes() for source in SOURCES], compiler, flags, processor(), torch.__version__)
    place = cache_folder() / "kernels" / (hashlib.sha256(repr(facts).encode()).hexdigest()[:16] + ".so")
    try:
        if not place.exists():
            _build([compiler, *flags], place)
        return ctypes.CDLL(str(place))
    except (OSError, subprocess.SubprocessError):
        return None


def _build(command: list[str], place: Path) -> None:
    """Whole or not at all, however many processes build at once."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent) as folder:
        made = Path(folder) / place.name
        sources = [str(source) for source in SOURCES if source.suffix == ".cpp"]
        subprocess.run([*command, *sources, "-o", str(made)], check=True, capture_output=True, timeout=PATIENCE)
        made.replace(place)
