"""Imports go downward only, and each heavy library comes in through its own door."""

from __future__ import annotations

import pytest

from tests.house.source import foreign_imports, modules, own_imports, unit

FLOORS = (
    ("errors",),
    (
        "affine",
        "records",
        "files",
        "families",
        "machine",
        "cores",
        "statistics",
        "charts",
        "humane",
        "spell",
        "caveats_zh",
    ),
    (
        "tensor_file",
        "study_folder",
        "seeding",
        "metrics",
        "tasks",
        "data",
        "delta",
        "ops",
        "heads",
        "bases",
        "cite",
        "convert",
        "sentences",
        "mirror",
    ),
    ("grouped",),
    ("pretrained", "dress", "tokens", "score", "inspection", "mixing", "calibrate"),
    ("backbone", "baselines", "alarms", "caveats"),
    ("slots",),
    ("methods", "encode", "why", "costs", "by_task"),
    ("batches", "store", "memory", "checkpoint", "moved"),
    ("train", "flow", "preview"),
    ("decode",),
    ("predict", "search", "racing"),
    ("trial_folder",),
    ("fitting",),
    ("trial", "results", "outputs", "probe", "wanted", "work"),
    ("engines", "plan", "capability"),
    ("minutes",),
    ("prepare",),
    ("study", "answers"),
    ("ship", "exports"),
    ("history", "pages", "look", "scale"),
    ("report",),
    ("across_sets",),
    ("suite",),
    ("show", "studio"),
    ("cli",),
)
"""The house from the ground up; what stands on one floor does not import each other, packages aside."""

RECIPE = tuple(
    f"bases.{name}"
    for name in (
        *("batch", "checkpoint", "decoder", "encoder", "evaluate", "examples", "fused", "induction", "measure", "muon"),
        *(
            "prepare",
            "pretrain",
            "publish",
            "rates",
            "recipes",
            "seq2seq",
            "text",
            "tokenizer",
            "untrained",
            "vectors",
            "wiring",
        ),
    )
)
"""How the built-in backbones are made; never imported by the product."""

DOORS = {
    "torch": (
        "machine",
        "affine",
        "tensor_file",
        "delta",
        "ops",
        "dress",
        "heads",
        "seeding",
        "methods",
        "backbone",
        "pretrained",
        "tokens",
        "batches",
        "train",
        "flow",
        "decode",
        "predict",
        "store",
        "trial_folder",
        "fitting",
        "checkpoint",
        "moved",
        "capability",
        "convert",
        "calibrate",
        "probe",
        "plan",
        "ship",
        "exports",
        "look",
        "bases.tinies",
        *RECIPE,
    ),
    "transformers": ("pretrained", "exports", "bases.tinies", *RECIPE),
    "tokenizers": ("data.lengths", "bases.tinies", *RECIPE),
    "peft": ("methods.peft", "exports.standalone"),
    "sacrebleu": ("metrics.translation",),
    "safetensors": ("encode", "tensor_file", "convert", "exports", "bases.checkpoint"),
    "jinja2": ("pages",),
    "markupsafe": ("pages", "charts", "studio"),
    "rich": ("show",),
    "yaml": ("cli", "pages", "exports", "studio"),
    "pyarrow": ("data.formats",),
    "datasets": ("data.sources",),
    "numpy": (
        "ops",
        "by_task",
        "slots",
        "metrics",
        "statistics",
        "grouped",
        "score",
        "encode",
        "batches",
        "flow",
        "decode",
        "predict",
        "train",
        "pages",
        "baselines",
        "why",
        "data",
        "costs",
        "memory",
        "probe",
        "work",
        "plan",
        "racing",
        "ship",
        *RECIPE,
    ),
    "fastapi": ("ship", "studio"),
    "gradio": ("studio", "exports.standalone.app"),
    "packaging": ("exports.pins",),
    "loaded": ("exports.standalone.app",),  # the file that is copied beside it
    "pydantic": ("ship",),
    "tensorboard": ("mirror",),
    "trackio": ("mirror",),
    "uvicorn": ("ship", "studio"),
}
"""Library -> the modules or packages that may import it."""

NEVER_TORCH = (
    "by_task",
    "metrics",
    "tasks",
    "data",
    "grouped",
    "score",
    "report",
    "pages",
    "show",
    "cite",
    "machine",
    "cli",
    "results",
    "history",
    "outputs",
    "baselines",
    "alarms",
    "caveats",
    "caveats_zh",
    "across_sets",
    "why",
    "sentences",
    "inspection",
    "mirror",
)
"""These work on a machine without torch, through everything they import."""

FLOOR = {name: number for number, floor in enumerate(FLOORS) for name in floor}


def test_every_module_has_a_floor():
    assert {unit(m) for m in modules()} - {""} == set(FLOOR)


@pytest.mark.parametrize("module", sorted(modules()))
def test_imports_go_down(module):
    wrong = [other for other in own_imports(module) if not allowed(unit(module), unit(other))]
    assert not wrong, f"{module} imports {wrong}, which do not lie below it"


def allowed(upper: str, lower: str) -> bool:
    if lower in ("", upper):  # the root holds the version; a package's own files are its own business
        return True
    # The engine's child process runs trials, and a recipe makes its own backbone: both lie above what they import.
    return upper != "" and FLOOR[lower] < FLOOR[upper]


@pytest.mark.parametrize("library", sorted(DOORS))
def test_a_library_comes_in_through_its_doors(library):
    users = {m for m in modules() if library in foreign_imports(m)}
    strangers = {m for m in users if not any(m == door or m.startswith(f"{door}.") for door in DOORS[library])}
    assert not strangers, f"{library} is imported by {strangers}; its doors are {DOORS[library]}"
    unused = [door for door in DOORS[library] if not any(m == door or m.startswith(f"{door}.") for m in users)]
    assert not unused or DOORS[library][-len(RECIPE) :] == RECIPE, f"doors of {library} that nobody uses: {unused}"


def test_no_library_without_a_door():
    import sys

    found = {library for m in modules() for library in foreign_imports(m)}
    assert found - set(sys.stdlib_module_names) == set(DOORS)


@pytest.mark.parametrize("name", NEVER_TORCH)
def test_no_torch_through_anything_imported(name):
    """Imports at the head of a module, followed to the end; the ones inside functions are a verb's own choice."""
    start = [m for m in modules() if unit(m) == name]
    reached, waiting = set(start), list(start)
    while waiting:
        for other in own_imports(waiting.pop(), lazy=False) - reached:
            reached.add(other)
            waiting.append(other)
    heavy = {m for m in reached if {"torch", "transformers"} & foreign_imports(m, lazy=False)}
    assert not heavy, f"{name} reaches torch through {heavy}"


def test_the_recipe_is_no_part_of_the_product():
    users = {m for m in modules() if m not in RECIPE and own_imports(m) & set(RECIPE)}
    assert not users, f"{users} import the recipe of the built-in backbone"
