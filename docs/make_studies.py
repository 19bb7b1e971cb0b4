"""Run the kept studies, or go on with them, and write docs/studies/: their reports without rows and answers.

    python docs/make_studies.py [NAME …]

Those with a page in docs/studies/ were run, some not to their end, as the page says. Every study lies in
runs/studies/NAME afterwards; a finished one is only reported again. The data beside the checkout are read from
../shared/data.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from luthier import files, report
from luthier.bases import folder, untrained
from luthier.cli import main
from luthier.cli.words import DONE, SOME_FAILED

DOCS = Path(__file__).resolve().parent
PAGES = DOCS / "studies"
DATA, RUNS = "../shared/data", Path("runs/studies")
INDEX = """# Kept studies

Reports of real studies over the built-in backbones, without rows and answers. `python docs/make_studies.py NAME` runs
one again and writes its page; backbones below `runs/studies/untrained/` are the same shapes with random weights, which
it makes first. M0 to M4 are the tasks of the recipes in `examples/`. What they say together:
[choosing a method](../choose-a-method.md), [the backbones](../bases.md).
"""

METHODS = "zero_shot, full, lora(rank=16), dora(rank=8), ia3, bitfit(everywhere=True), prompt, prefix(tokens=20)"
LIKE_THE_LAB = METHODS.replace("rank=16", "rank=32")
BY_SIZE = "zero_shot, full, lora(rank=32), ia3, bitfit(everywhere=True), prompt"
LARGE = f"{RUNS}/made/seedling-t5-large"
"""Where `python -m luthier.bases.publish RUN seedling-t5-large FOLDER` put it: it does not ship."""
ON_HEADS = "full, lora(rank=8), ia3, prefix(tokens=20)"
ALL_ON_HEADS = (
    "full, lora(rank=8), dora(rank=8), ia3, bitfit(everywhere=True), layernorm, bottleneck(size=16), "
    "prompt(tokens=20), prefix(tokens=20)"
)

STUDIES = {
    "dialogsum": (
        "M0, English dialogue summaries, three seeds",
        f'seedling-t5 {DATA}/dialogsum "{LIKE_THE_LAB}" --train-rows 800 --dev-rows 60 --test-rows 250 --epochs 2 '
        "--seeds 3 --no-search",
    ),
    "dialogsum-all": (
        "M0, every training row",
        f'seedling-t5 {DATA}/dialogsum "zero_shot, full, lora(rank=32), prompt(tokens=20), prefix(tokens=20)" '
        "--epochs 1 --dev-rows 100 --no-search",
    ),
    "dialogsum-longer": (
        "M0, every training row, four times",
        f'seedling-t5 {DATA}/dialogsum "full" --epochs 4 --dev-rows 100 --no-search',
    ),
    "dialogsum-untrained": (
        "M0 over random weights",
        f'{{seedling-t5}} {DATA}/dialogsum "full" --train-rows 800 --dev-rows 60 --test-rows 250 --epochs 2',
    ),
    "dialogsum-small": (
        "M0 over seedling-t5-small, one seed",
        f'seedling-t5-small {DATA}/dialogsum "{BY_SIZE}" --train-rows 800 --dev-rows 60 --test-rows 250 --epochs 2 '
        "--no-search",
    ),
    "dialogsum-large": (
        "M0 over seedling-t5-large, one seed",
        f'{LARGE} {DATA}/dialogsum "{BY_SIZE}" --train-rows 800 --dev-rows 60 --test-rows 250 --epochs 2 --no-search',
    ),
    "rte": (
        "M1, SuperGLUE's RTE, all methods",
        f'seedling-bert {DATA}/superglue:RTE "{ALL_ON_HEADS}" --train-rows 1000 --epochs 2 --no-search',
    ),
    "cb": (
        "M1, SuperGLUE's CB, all methods",
        f'seedling-bert {DATA}/superglue:CB "{ALL_ON_HEADS}" --epochs 6',
    ),
    "sst2": (
        "M1, sentiment of English sentences, all methods",
        f'seedling-bert {DATA}/sst2 "{ALL_ON_HEADS}" --train-rows 3000 --dev-rows 100 --epochs 2 --no-search',
    ),
    "cmrc": (
        "M2, Chinese questions with their passages",
        f'seedling-t5 {DATA}/cmrc2018 "{METHODS}" --train-rows 400 --dev-rows 40 --test-rows 200 '
        "--epochs 2 --no-search",
    ),
    "csl": (
        "M2, titles of Chinese abstracts",
        f'seedling-t5 {DATA}/csl_title "{METHODS}" --train-rows 800 --dev-rows 40 --test-rows 200 '
        "--epochs 2 --no-search",
    ),
    "instruct": (
        "M3, many tasks mixed, four never seen",
        f'seedling-t5 {DATA}/instruct_t0_mix "{METHODS}" --epochs 1 --dev-rows 60 --test-rows 400 --no-search '
        "--task \"instruct(held_out=('rotten_tomatoes','paws','common_gen','qasc'), cap=80, max_new_tokens=24)\"",
    ),
    "chnsenticorp": (
        "M4, Chinese reviews, three seeds",
        f'seedling-bert {DATA}/chnsenticorp "{ON_HEADS}" --train-rows 1000 --dev-rows 100 --epochs 2 --seeds 3',
    ),
    "chnsenticorp-methods": (
        "M4, Chinese reviews, all methods",
        f'seedling-bert {DATA}/chnsenticorp "{ALL_ON_HEADS}" --train-rows 1000 --dev-rows 100 --epochs 2 --no-search',
    ),
    "chnsenticorp-all": (
        "M4, every training row",
        f'seedling-bert {DATA}/chnsenticorp "full, lora(rank=8)" --epochs 2 --dev-rows 300 --no-search',
    ),
    "chnsenticorp-untrained": (
        "M4 over random weights",
        f'{{seedling-bert}} {DATA}/chnsenticorp "full" --train-rows 1000 --dev-rows 100 --epochs 2',
    ),
}  # fmt: skip
"""Name -> what it shows, and its words after `luthier compare`; {NAME} is NAME's shape with random weights."""


def over_random_weights(name: str) -> tuple[str, str]:
    """The same study of `full` alone, over the same shape without pretraining."""
    what, words = STUDIES[name]
    backbone, data, _, *budget = shlex.split(words)
    return f"{what.split(',')[0]}, random weights", shlex.join([f"{{{backbone}}}", data, "full", *budget])


STUDIES |= {f"{name}-untrained": over_random_weights(name) for name in ("rte", "sst2", "cmrc", "csl")}


def command(name: str) -> str:
    """The words of a study after `luthier compare`."""
    return STUDIES[name][1].replace("{", f"{RUNS}/untrained/").replace("}", "")


def run(name: str) -> None:
    """Run or go on with one study and write its page."""
    words = shlex.split(command(name))
    twin = Path(words[0])
    if twin.parent.name == "untrained" and not twin.exists():
        untrained.untrained(folder(twin.name), twin)
    code = main(["compare", *words, "--resume", "--out", str(RUNS / name)])
    if code not in (DONE, SOME_FAILED):
        raise SystemExit(code)
    page, _ = report.build(RUNS / name, RUNS / name / "shown", texts=False)
    files.write_text(PAGES / f"{name}.md", page.read_text(encoding="utf-8"))
    files.write_text(PAGES / "README.md", index())


def index() -> str:
    """The pages there are, what each shows, and the command behind it."""
    rows = [
        f"| [`{name}`]({name}.md) | {what} | `luthier compare {command(name)}` |"
        for name, (what, _) in STUDIES.items()
        if (PAGES / f"{name}.md").exists()
    ]
    return "\n".join([INDEX, "| study | what it shows | command |", "|---|---|---|", *rows, ""])


if __name__ == "__main__":
    for wanted in sys.argv[1:] or STUDIES:
        run(wanted)
