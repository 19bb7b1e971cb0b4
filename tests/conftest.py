"""Shared fixtures: the real data beside the checkout, and quiet threads."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# One thread everywhere: models here are tiny, and the number of threads decides the last bit of a sum, so a test that
# compares bytes across processes needs the same number in each.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault(
    "LUTHIER_FORECAST", "no"
)  # a forecast measures the machine for seconds; its own tests ask for one

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets; absent on a machine that has only the checkout, and then the test says so."""
    if not SHARED.is_dir():
        if os.environ.get("CI"):
            pytest.fail(f"the real data must not be missing in CI, and {SHARED} is")
        pytest.skip(f"real data are not beside the checkout ({SHARED})")
    return SHARED
