"""How many trials run beside each other, and when they are done."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luthier import cores
from luthier.cores import SMALL, Cores
from luthier.errors import UserError
from luthier.records import Budget
from luthier.wanted import Wanted, check_numbers

TIMES = st.lists(st.integers(0, 1000), min_size=1, max_size=12)


@pytest.fixture
def eight(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight cores, and a user who has not shared them out."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(cores, "available", lambda: 8)


@given(TIMES, st.integers(1, 6))
def test_a_study_ends_between_equal_parts_and_one_after_the_other(each, at_once):
    ends = cores.seconds(each, at_once)
    assert max(max(each), sum(each) / at_once) <= ends <= sum(each)
    assert cores.seconds(each, 1) == sum(each) and cores.seconds(each, len(each)) == max(each)


@given(TIMES, st.integers(0, 4000), st.integers(1, 6))
def test_whichever_run_beside_each_other_fit(peaks, free, at_once):
    n = cores.fit(peaks, free, at_once)
    assert 1 <= n <= at_once
    assert n == 1 or sum(sorted(peaks)[-n:]) <= free
    assert n == at_once or sum(sorted(peaks)[-n - 1 :]) > free


def test_a_core_for_each_trial_of_a_small_backbone(eight):
    assert cores.chosen(3, SMALL - 1) == Cores(3, 2), "no core is left over where trials are few"
    assert cores.chosen(20, SMALL - 1) == Cores(8, 1)
    assert cores.chosen(20, SMALL) == cores.chosen(1, SMALL - 1) == Cores(1)
    assert cores.shared(3) == Cores(3, 2) and Cores(8, 1).fewer(2) == Cores(2, 4) and Cores(8, 1).fewer(1) == Cores(1)


def test_a_small_backbone_answers_on_one_thread(eight, monkeypatch):
    assert cores.answering(SMALL - 1) == 1 and cores.answering(SMALL) is None
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert cores.answering(1000) is None


def test_who_has_shared_out_the_cores_is_obeyed(eight, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert cores.chosen(20, 1000) == Cores(1)
    assert cores.shared(2) == Cores(2), "--jobs 2 beside it: two trials, three threads each"


def test_a_container_is_as_large_as_its_share(monkeypatch, tmp_path):
    monkeypatch.setattr(cores, "QUOTA", tmp_path / "none")
    whole = cores.available()
    for said, cores_there in (("max 100000", whole), ("100000 100000", 1), ("50000 100000", 1)):
        monkeypatch.setattr(cores, "QUOTA", tmp_path / "cpu.max")
        (tmp_path / "cpu.max").write_text(said)
        assert cores.available() == cores_there


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"jobs": 0}, "jobs is 0"),
        ({"jobs": 2, "budget": Budget(race=True)}, "--race"),
        ({"jobs": 2, "budget": Budget(equal="seconds", seconds=9)}, "--equal seconds"),
    ],
)
def test_refused_by_name(more, named):
    with pytest.raises(UserError, match=named):
        check_numbers(Wanted("seedling-t5", "dialogues", **more))
    check_numbers(Wanted("seedling-t5", "dialogues", **(more | {"jobs": 1})))
