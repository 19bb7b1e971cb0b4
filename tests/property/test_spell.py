"""Whatever is spelled is read back as itself; whatever is hostile is refused as a spelling."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from luthier.errors import SpellingError, UserError
from luthier.methods import METHODS
from luthier.spell import parse, parse_list

COUNTS = st.integers(1, 10_000)
RATES = st.one_of(st.none(), st.floats(1e-9, 99, allow_nan=False))
TARGETS = st.lists(st.sampled_from(["q", "k", "v", "o", "qkv", "gate", "up", "down", "all"]), min_size=1).map(",".join)
VALUES: dict[str, st.SearchStrategy] = {
    "prefix": st.text(max_size=12),
    "rank": COUNTS,
    "tokens": COUNTS,
    "size": COUNTS,
    "examples": COUNTS,
    "hidden": st.one_of(st.none(), COUNTS),
    "alpha": st.one_of(st.none(), st.floats(1e-3, 1e4, allow_nan=False)),
    "dropout": st.floats(0, 0.9),
    "targets": TARGETS,
    "inputs": TARGETS,
    "rslora": st.booleans(),
    "everywhere": st.booleans(),
    "learning_rate": RATES,
    "start": st.nothing(),
    "method": st.just("VERA"),
    "settings": st.dictionaries(
        st.sampled_from(["r", "target_modules", "vera_dropout", "bias"]),
        st.one_of(st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(), st.none()),
    ).map(lambda d: tuple(sorted(d.items()))),
}


@st.composite
def methods(draw):
    cls = METHODS[draw(st.sampled_from(sorted(METHODS)))]
    chosen = {}
    for f in dataclasses.fields(cls):
        if VALUES[f.name] is not VALUES["start"] and (draw(st.booleans()) or f.name == "method"):
            chosen[f.name] = draw(VALUES[f.name])
    if chosen.get("learning_rate", 1) is None and cls.__dataclass_fields__["learning_rate"].default is not None:
        del chosen["learning_rate"]
    return cls(**chosen)


@given(methods())
@settings(max_examples=300, deadline=None)
def test_parse_reads_what_repr_writes(method):
    assert parse(repr(method), METHODS) == method


@given(st.lists(methods(), min_size=1, max_size=6, unique=True))
@settings(max_examples=100, deadline=None)
def test_a_list_is_read_in_its_order(several):
    assert parse_list(", ".join(map(repr, several)), METHODS) == tuple(several)


@given(st.text(max_size=60))
@settings(max_examples=300, deadline=None)
@example("lora(rank=1" * 300)
@example("\x00")
@example("lora\n(rank=3)")
def test_any_text_is_a_method_or_a_spelling_error(text):
    try:
        assert parse_list(text, METHODS)
    except UserError as fault:
        assert str(fault)


WORDS = st.sampled_from(
    [
        *METHODS,
        "lora",
        "r",
        "rank",
        "(",
        ")",
        ",",
        "=",
        "4",
        "'q'",
        "*",
        "**",
        "lambda:",
        "[",
        "]",
        "{",
        "}",
        ".",
        "-",
        ":=",
        "for",
        "x",
        "in",
        "None",
        "f'{1}'",
        "1e999",
        "nan",
        "\\",
        "#",
        "\n",
        "await",
        "yield",
        "…",
        "٣",
        "==",
    ]
)


@given(st.lists(WORDS, max_size=14).map(" ".join))
@settings(max_examples=500, deadline=None)
@example("lora ( 1e999 )")
@example("lora(**{'rank': 4})")
@example("lora(*[4])")
@example("lora(rank=[1, 2])")
@example("lora(rank={'a': 1})")
def test_any_words_are_a_method_or_a_spelling_error(text):
    try:
        assert parse_list(text, METHODS)
    except UserError as fault:
        assert str(fault)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        ",",
        "()",
        "lora(",
        "lora(rank=)",
        "lora)(",
        "lora lora",
        "lora;full",
        "lora=4",
        "__import__('os').system('true')",
        "lora(rank=__import__('os'))",
        "lora(rank=open('/etc/passwd'))",
        "lora.delta(1)",
        "lora(rank=4)()",
        "lora(rank=(lambda: 4)())",
        "[lora for _ in 'x']",
        "lora(rank=exit())",
        "(lora := 4)",
        "lora(rank=4 if True else 5)",
        "lora(rank=10**10**10)",
        "lora(rank=9**9**9**9)",
        "lora(rank='4'*10**9)",
        "lora(rank=True)",
        "lora(rank=4.5)",
        "lora(rank='4')",
        "lora(rank=-1)",
        "lora(rank=0)",
        "lora(rank=4, rank=5)",
        "lora(4, rank=5)",
        "lora(rank=4, r=5)",
        "lora(1, 2, 3, 4, 5, 6, 7, 8)",
        "lora(rank=nan)",
        "lora(learning_rate=1e999)",
        "lora(**{'rank': 4})",
        "lora(*[4])",
        "lora(colour=4)",
        "lorra",
        "LoRA",
        "zero shot",
        "lora(__class__=4)",
        "lora(word='full')",
        "prompt(start='nowhere')",
        "lora, lora",
        "(" * 500 + ")" * 500,
        "lora(rank=" + "(" * 300 + "4" + ")" * 300 + ")",
        "[" * 100_000,
        "lora(rank=" + "-" * 5000 + "4)",
        "lora(targets=" + "[" * 90 + "]" * 90 + ")",
        "x" * 1_000_000,
        "lora(rank=" + "9" * 5000 + ")",
        ", ".join(["lora"] * 3000),
        "\ud800",
    ],
    ids=lambda t: t[:30].encode("ascii", "backslashreplace").decode(),
)
def test_hostile_spellings_are_refused_as_spellings(text):
    with pytest.raises(SpellingError):
        parse_list(text, METHODS)


def test_aliases_are_translated_and_said():
    notes: list[str] = []
    assert parse("lora(r=4, lora_alpha=8)", METHODS, notes) == parse("lora(rank=4, alpha=8.0)", METHODS)
    assert notes == ["lora: r is called rank here", "lora: lora_alpha is called alpha here"]
