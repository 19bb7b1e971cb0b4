"""One spelling: what is typed, logged, tabled and coded is the `repr` of the object.

`lora(rank=16)` is parsed as a Python call whose arguments are literals, and nothing else: no name is ever
evaluated. A shelf is a mapping word -> frozen dataclass; third parties add to it through entry points.
"""

from __future__ import annotations

import ast
import dataclasses
import difflib
import types
import typing
from collections.abc import Iterable, Mapping
from importlib.metadata import entry_points
from typing import Any

from .errors import SpellingError

Shelf = Mapping[str, type]


def spelled(cls: type) -> type:
    """Class decorator: give a frozen dataclass the `repr` that `parse` reads back.

    Fields at their default are left out, except the ones marked `field(metadata={"shown": True})`, unless they are open
    (None).
    """
    cls.__repr__ = spell  # type: ignore[assignment]
    return cls


def spell(thing: Any) -> str:
    """`lora(rank=16)`; the word alone where nothing is shown."""
    shown = []
    for f in dataclasses.fields(thing):
        value = getattr(thing, f.name)
        if value != f.default or (f.metadata.get("shown") and value is not None):
            shown.append(f"{f.name}={value!r}")
    return f"{thing.word}({', '.join(shown)})" if shown else thing.word


def shelf(kind: str, own: Iterable[type]) -> dict[str, type]:
    """Word -> class: ours plus whatever packages register under the entry point group `luthier.<kind>`."""
    words = {cls.word: cls for cls in own}
    for point in entry_points(group=f"luthier.{kind}"):
        words.setdefault(point.name, point.load())
    return words


def parse_list(text: str, shelf: Shelf, notes: list[str] | None = None) -> tuple[Any, ...]:
    """`"zero_shot, lora(rank=32)"` -> objects, in the order typed, each once.

    Raises:
        SpellingError: nothing typed, an unknown word or setting, a value that is no literal, a repeat.
    """
    tree = _tree(f"({text},)" if text.strip() else "()", text)
    if not isinstance(tree, ast.Tuple) or not tree.elts:
        raise SpellingError(
            f"No word in {text[:80]!r}.", ", ".join(sorted(shelf)), "name at least one, for example lora"
        )
    things = tuple(_build(node, text, shelf, notes) for node in tree.elts)
    for position, thing in enumerate(things):
        if thing in things[:position]:
            raise SpellingError(f"{thing!r} is named twice in {text[:80]!r}.", "each once", "drop one of them")
    return things


def parse(text: str, shelf: Shelf, notes: list[str] | None = None) -> Any:
    """One word, with or without settings -> one object. `notes` collects translated aliases."""
    things = parse_list(text, shelf, notes)
    if len(things) != 1:
        raise SpellingError(f"{text[:80]!r} names {len(things)} things.", "one", "name one")
    return things[0]


def closest(word: str, words: Iterable[str]) -> str:
    """`did you mean lora?` or an empty string."""
    near = difflib.get_close_matches(word, list(words), n=1, cutoff=0.5)
    return f"did you mean {near[0]}?" if near else ""


def _tree(source: str, text: str) -> ast.expr:
    try:
        return ast.parse(source, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as fault:
        raise SpellingError(
            f"{text[:80]!r} cannot be read.",
            'words with settings, such as "full, lora(rank=32)"',
            "check the brackets and commas",
        ) from fault


def _build(node: ast.expr, text: str, shelf: Shelf, notes: list[str] | None) -> Any:
    name = node.func if isinstance(node, ast.Call) else node
    if not isinstance(name, ast.Name):
        raise SpellingError(
            f"{ast.unparse(node)[:80]!r} in {text[:80]!r} is no word.",
            ", ".join(sorted(shelf)),
            "write word or word(setting=value)",
        )
    if name.id not in shelf:
        raise SpellingError(f"Nothing is called {name.id[:80]!r}.", ", ".join(sorted(shelf)), closest(name.id, shelf))
    cls = shelf[name.id]
    settings = _settings(node, cls, notes) if isinstance(node, ast.Call) else {}
    return cls(**settings)


def _settings(call: ast.Call, cls: Any, notes: list[str] | None) -> dict[str, Any]:
    fields = {f.name: f for f in dataclasses.fields(cls)}
    open_ended = getattr(cls, "open_settings", False)
    pairs = list(zip(fields, call.args)) + [(k.arg, k.value) for k in call.keywords]
    if len(call.args) > len(fields):
        raise SpellingError(f"{ast.unparse(call)!r} has too many values.", ", ".join(fields), "name the settings")
    settings: dict[str, Any] = {}
    for word, node in pairs:
        name = getattr(cls, "aliases", {}).get(word, word)
        if name != word and notes is not None:
            notes.append(f"{cls.word}: {word} is called {name} here")
        if name not in fields and not open_ended:
            raise SpellingError(
                f"{cls.word} has no setting {word!r}.", ", ".join(fields) or "no settings", closest(str(word), fields)
            )
        if name in settings:
            raise SpellingError(f"{cls.word} gets {name} twice.", "once", "drop one")
        settings[name] = _literal(node, name, cls, fields)
    if open_ended:
        extra = {k: settings.pop(k) for k in list(settings) if k not in fields}
        if extra:
            settings[open_ended] = tuple(sorted(extra.items()))
    return settings


def _literal(node: ast.expr, name: str, cls: Any, fields: Mapping[str, Any]) -> Any:
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError) as fault:
        raise SpellingError(
            f"{cls.word}: {name}={ast.unparse(node)} is no plain value.",
            "numbers, 'text', True, False, None",
            "nothing is ever evaluated",
        ) from fault
    return fit(value, name, cls) if name in fields else value


def fit(value: Any, name: str, cls: Any) -> Any:
    """`value` as the type that the field `name` of `cls` declares, or a `SpellingError`; 1 fits a float."""
    wanted = typing.get_type_hints(cls)[name]
    accepted = _types(wanted)
    if isinstance(value, list):
        value = tuple(value)
    if isinstance(value, int) and not isinstance(value, bool) and int not in accepted and float in accepted:
        return float(value)
    if isinstance(value, tuple(accepted)) and not (isinstance(value, bool) and bool not in accepted):
        return value
    names = " or ".join(sorted("None" if t is type(None) else t.__name__ for t in accepted))
    raise SpellingError(
        f"{cls.word}: {name}={value!r} is a {type(value).__name__}.", names, f"write {name}=… with a {names}"
    )


def _types(hint: Any) -> set[type]:
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return set().union(*(_types(part) for part in typing.get_args(hint)))
    if typing.get_origin(hint) is typing.Literal:
        return {type(v) for v in typing.get_args(hint)}
    origin = typing.get_origin(hint) or hint
    return {origin} if isinstance(origin, type) else {object}
