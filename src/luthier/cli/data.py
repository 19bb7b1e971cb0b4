"""`data check|clean|split|mix|preview`: what is in the rows, before money is spent."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import UserError
from .words import DONE, NewVerb, Verb

BACKBONE = "seedling-t5"


def add(verb: NewVerb) -> None:
    data = verb("data", "what is in the rows and what is wrong with them: check, clean, split, mix, preview", _check)
    verbs = data.add_subparsers(metavar="check|clean|split|mix|preview", required=True)

    def own(name: str, about: str, run: Verb) -> argparse.ArgumentParser:
        sub = verbs.add_parser(name, help=about, description=about)
        sub.set_defaults(verb=run)
        sub.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print the result as JSON")
        sub.add_argument("data", metavar="FILE", help="file, folder, hub id or built-in name, as compare takes them")
        sub.add_argument("--task", help="summarise, classify, answer …; inferred from the columns without it")
        sub.add_argument("--prompt", help='template such as "Summarise: {text}"')
        sub.add_argument("--answer", help="column of the right answer")
        return sub

    check = own("check", "find leaks, twins, contradictions, broken text and rows that are too long", _check)
    check.add_argument("--columns", help="input columns with commas, where no task fits")
    check.add_argument("--backbone", default=BACKBONE, help=f"whose tokens and limits count (default {BACKBONE})")

    clean = own("clean", "write a mended copy and a log of every change; the original stays as it is", _clean)
    clean.add_argument("--columns", help="input columns with commas, where no task fits")
    clean.add_argument("--out", help="folder of the copy (default: FILE-clean)")
    clean.add_argument(
        "--mend", help="kinds of findings to mend, with commas, or all (default: all but html and near_duplicate)"
    )

    split = own("split", "deal all rows out to train, dev and test: by group, with equal shares of labels", _split)
    split.add_argument("--columns", help="input columns with commas, where no task fits")
    split.add_argument("--out", help="folder of the splits (default: FILE-split)")
    split.add_argument("--dev", type=float, default=0.1, help="share of the rows (default 0.1)")
    split.add_argument("--test", type=float, default=0.1, help="share of the rows (default 0.1)")
    split.add_argument("--seed", type=int, default=0, help="another seed, other splits (default 0)")

    about = "write several data sets as one, a task each, for --task instruct"
    mix = verbs.add_parser("mix", help=about, description=about)
    mix.set_defaults(verb=_mix)
    mix.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print the result as JSON")
    mix.add_argument("sources", metavar="NAME=SOURCE", nargs="+", help="a task's name, and data as compare takes them")
    mix.add_argument("--out", required=True, help="folder of the mixture")

    preview = own("preview", "show the exact tokens of some rows, and which of them count in the loss", _preview)
    preview.add_argument("--backbone", default=BACKBONE, help=f"built-in name, folder or hub id (default {BACKBONE})")
    preview.add_argument("--rows", type=int, default=3, help="how many rows (default 3)")
    preview.add_argument("--split", default="train", help="train, dev or test (default train)")


def _read(options: argparse.Namespace) -> tuple[Any, Any, Any, list[str]]:
    """The table, the task or None, the columns that are looked at, and everything that was noticed."""
    from ..data import read
    from ..inspection import settle

    table = read(options.data)
    asked = {name: getattr(options, name, None) for name in ("task", "prompt", "answer", "columns")}
    task, columns, notes = settle(table.splits, asked)
    return table, task, columns, [*table.notes, *notes]


def _check(options: argparse.Namespace) -> int:
    from ..inspection import inspect
    from ..records import to_json

    table, task, columns, notes = _read(options)
    found = inspect(table.splits, task, columns, _ruler(options.backbone))
    facts = {
        "source": table.source,
        "rows": {split: len(rows) for split, rows in table.splits.items()},
        "columns": _filled(table),
        "task": None if task is None else task.word,
        "input": list(columns.inputs),
        "answer": columns.answer or None,
        "backbone": options.backbone,
        "lengths": found.lengths,
        "labels": found.labels,
        "notes": [*notes, *found.notes],
        "findings": to_json(found.findings),
    }
    if options.json:
        print(json.dumps(facts, ensure_ascii=False))
    else:
        _show_check(facts)
    return DONE


def _show_check(facts: dict[str, Any]) -> None:
    from .. import show

    print(f"{facts['source']}: {', '.join(facts['input'])} -> {facts['answer'] or 'no answer column'}")
    for note in facts["notes"]:
        print(f"  note: {note}")
    for split, held in (facts["labels"] or {}).items():
        print(f"  {split}: {', '.join(f'{label} {count:,}' for label, count in held.items())}")
    lengths = [(split, what, own) for split, held in facts["lengths"].items() for what, own in held.items()]
    show.rows([{"split": split, "tokens of": what, **own} for split, what, own in lengths], False)
    found = facts["findings"]
    if not found:
        print("nothing wrong was found")
        return
    show.rows([{"kind": f["kind"], "split": f["split"], "rows": f["rows"], "what": f["message"]} for f in found], False)
    for f in found:
        for example in f["examples"][:1]:
            beside = f" and {example['other']}" if "other" in example else ""
            print(f"  {f['kind']}: {example['row']}{beside}: {example['text']}")


def _ruler(name: str) -> Any:
    """Counts a backbone's tokens; the backbone itself is not opened."""
    from .. import bases
    from ..data.lengths import Ruler

    folder = bases.folder(name) if name in bases.names() else Path(name).expanduser()
    return Ruler.open(folder, name)


def _filled(table: Any) -> dict[str, dict[str, Any]]:
    """Column -> its kinds of values, and in how many rows of each split it holds something."""
    columns: dict[str, dict[str, Any]] = {}
    for split, rows in table.splits.items():
        for row in rows:
            for name, value in row.items():
                fact = columns.setdefault(name, {"types": [], "filled": dict.fromkeys(table.splits, 0)})
                if value not in (None, "", []):
                    fact["filled"][split] += 1
                    if (kind := type(value).__name__) not in fact["types"]:
                        fact["types"].append(kind)
    return columns


def _out(options: argparse.Namespace, ending: str) -> Path:
    """The folder that was named, or one beside the data; one that exists is refused before any work is done."""
    name = Path(options.data.split("#")[0])
    folder = Path(options.out) if options.out else name.with_name(f"{name.name.split('.')[0]}-{ending}")
    if folder.exists():
        raise UserError(f"{folder} exists already.", "a new folder", "choose another --out, or remove it")
    return folder


def _clean(options: argparse.Namespace) -> int:
    from collections import Counter

    from ..data.clean import MENDABLE, USUAL, clean, write

    out = _out(options, "clean")
    table, _, columns, notes = _read(options)
    typed = options.mend or ",".join(USUAL)
    kinds = MENDABLE if typed == "all" else tuple(kind.strip() for kind in typed.split(",") if kind.strip())
    made = clean(table.splits, columns, kinds)
    paths = write(out, made.splits, made.changes)
    counted = Counter(
        f"{change['kind']}: {'rows left out' if change['after'] is None else 'texts mended'}" for change in made.changes
    )
    before = {split: len(rows) for split, rows in table.splits.items()}
    after = {split: len(rows) for split, rows in made.splits.items()}
    if left := [kind for kind in MENDABLE if kind not in kinds]:
        notes.append(f"not mended: {', '.join(left)} (--mend all mends everything)")
    if "test" in after:
        notes.append("test keeps its rows, so that figures stay comparable; what leaks was taken out of train and dev")
    facts = {"out": str(out), "before": before, "after": after, "changes": dict(counted.most_common()), "notes": notes}
    return _told(facts, paths, options.json)


def _split(options: argparse.Namespace) -> int:
    from ..data.clean import write
    from ..data.split import split
    from ..tasks import input_keys

    out = _out(options, "split")
    table, task, columns, notes = _read(options)
    rows = [row for own in table.splits.values() for row in own]
    if len(table.splits) > 1:
        notes.append(f"the rows of {', '.join(table.splits)} were put together and dealt out anew")
    shares = {"dev": options.dev, "test": options.test}
    made = split(rows, columns, shares, options.seed, lambda row: () if task is None else input_keys(task, row))
    paths = write(out, made)
    facts = {
        "out": str(out),
        "before": {s: len(r) for s, r in table.splits.items()},
        "after": {s: len(r) for s, r in made.items()},
        "notes": notes,
    }
    return _told(facts, paths, options.json)


def _mix(options: argparse.Namespace) -> int:
    from ..data.clean import write
    from ..mixing import gathered

    sources: dict[str, str] = {}
    for typed in options.sources:
        name, equals, source = typed.partition("=")
        if not name or not equals or not source or name in sources:
            raise UserError(
                f"{typed!r} names no data set of its own.", "NAME=SOURCE, each name once", "summary=dialogues"
            )
        sources[name] = source
    options.data = next(iter(sources.values()))
    out = _out(options, "mix")
    table = gathered(sources)
    rows = {split: len(own) for split, own in table.splits.items()}
    facts = {"out": str(out), "after": rows, "notes": list(table.notes)}
    return _told(facts, write(out, table.splits), options.json)


def _told(facts: dict[str, Any], paths: Sequence[Path], as_json: bool) -> int:
    """What was written, and how many rows went in and came out."""
    if as_json:
        print(json.dumps({**facts, "files": [str(path) for path in paths]}, ensure_ascii=False))
        return DONE
    for note in facts["notes"]:
        print(f"  note: {note}")
    for what, times in facts.get("changes", {}).items():
        print(f"{times:>8,}  {what}")
    for name in (n for n in ("before", "after") if n in facts):
        print(f"{name}: {', '.join(f'{split} {rows:,}' for split, rows in facts[name].items())}")
    print("\n".join(map(str, paths)))
    return DONE


def _preview(options: argparse.Namespace) -> int:
    from .. import tasks
    from ..backbone import Backbone
    from ..preview import preview
    from ..records import Budget

    table, task, _, notes = _read(options)
    if options.split not in table.splits:
        raise UserError(f"The data has no split {options.split!r}.", ", ".join(table.splits), "name one with --split")
    if options.rows < 1:
        raise UserError(f"--rows is {options.rows}.", "1 or more", "ask for at least one row")
    if task is None:
        raise UserError(
            f"{options.data} has columns of no known task.",
            "--prompt and --answer",
            "say what is asked, and the answer's column",
        )
    examples, _ = tasks.examples(task, table.splits[options.split], options.split)
    if task.kind == "label":
        task = tasks.with_labels(task, examples, {})
    rows = preview(Backbone.sketch(options.backbone), task, examples[: options.rows], Budget())
    if options.json:
        facts = {"backbone": options.backbone, "split": options.split, "rows": rows, "notes": notes}
        print(json.dumps(facts, ensure_ascii=False))
        return DONE
    for row in rows:
        cut = f", {row['cut']} more were cut" * bool(row["cut"])
        print(f"{row['id']}: {len(row['input'])} tokens in{cut}, {len(row['answer'])} out")
        print(f"  read, not in the loss: {_joined(row['input'])}")
        if row["answer"]:
            print(f"  counted in the loss:   {_joined(row['answer'])}")
        else:
            print(f"  a class head must say: {row['label']}")
    return DONE


def _joined(tokens: Sequence[dict[str, Any]]) -> str:
    return " | ".join(token["text"].replace("\n", "\\n") for token in tokens)
