"""Reading words and showing help costs no torch, and next to no time."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from tests.house.source import SRC

HEAVY = ("torch", "transformers", "peft", "numpy", "pyarrow", "jinja2", "yaml", "rich", "safetensors")
ENVIRONMENT = os.environ | {"PYTHONPATH": str(SRC.parent)}


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=ENVIRONMENT, check=False)


@pytest.mark.parametrize(
    "what", ["import luthier, luthier.cli", "import luthier.records, luthier.spell, luthier.files, luthier.errors"]
)
def test_nothing_heavy(what):
    asked = python(f"{what}\nimport sys\nprint([m for m in {HEAVY!r} if m in sys.modules])")
    assert asked.stdout.strip() == "[]", asked.stdout + asked.stderr


@pytest.mark.parametrize("words", [["--help"], ["compare", "--help"], ["--version"]])
def test_help_loads_nothing_heavy(words):
    code = (
        f"import sys\nfrom luthier.cli import main\n"
        f"try:\n    main({words!r})\nexcept SystemExit as end:\n    assert not end.code\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules])"
    )
    assert python(code).stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    "modules", ["luthier.score, luthier.metrics", "luthier.report", "luthier.tasks, luthier.data", "luthier.show"]
)
def test_figures_need_no_torch(modules):
    asked = python(f"import {modules}, sys\nprint([m for m in ('torch', 'transformers') if m in sys.modules])")
    assert asked.stdout.strip() == "[]", asked.stdout + asked.stderr


def test_what_forks_has_not_asked_for_a_gpu():
    # A worker imports `trial` and forks; where CUDA was asked anything before, no child can use it. Which kind of
    # accelerator torch was built for is known without asking.
    code = (
        "import torch\n"
        "asked = []\n"
        "for name in ('is_available', 'device_count', 'init', '_lazy_init', 'is_bf16_supported', 'mem_get_info'):\n"
        "    setattr(torch.cuda, name, lambda *_, name=name, **__: asked.append(name))\n"
        "for name in dir(torch._C):\n"
        "    if name.startswith('_accelerator_') and name != '_accelerator_getAccelerator':\n"
        "        setattr(torch._C, name, lambda *_, name=name, **__: asked.append(name))\n"
        "import luthier.engines.local, luthier.trial\n"
        "assert not torch.cuda.is_available()\n"
        "print(asked)"
    )
    asked = python(code)
    assert asked.stdout.strip() == "['is_available']", asked.stdout + asked.stderr  # the one line above


def test_import_takes_a_fifth_of_a_second_at_most():
    # The machine may be busy: the best of several, measured inside the process, so that starting Python is no part.
    code = "import time\nt = time.perf_counter()\nimport luthier\nprint(time.perf_counter() - t)"
    best, until = 9.0, time.monotonic() + 20
    for _ in range(20):
        best = min(best, float(python(code).stdout))
        if best < 0.2 or time.monotonic() > until:
            break
    assert best < 0.2
