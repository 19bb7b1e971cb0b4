"""`plan`: what a study will take, before anything is spent."""

from __future__ import annotations

import argparse
import json
from typing import Any

from .words import DONE, NewVerb, study_of, study_options


def add(verb: NewVerb) -> None:
    plan = verb("plan", "what a study will take on this machine: time, memory and disk of every trial", _plan)
    plan.add_argument("backbone", metavar="BACKBONE", help="as for compare; or a study.yaml with all the words")
    plan.add_argument("data", metavar="DATA", nargs="?")
    plan.add_argument("methods", metavar="METHODS", nargs="?")
    plan.add_argument("--fresh", action="store_true", help="measure this machine and the backbone again")
    study_options(plan)


def _plan(options: argparse.Namespace) -> int:
    from .. import show
    from ..suite import Suite

    study = study_of(options)
    if suite := Suite.of(study):
        return _of_sets(suite, options)
    prepared = study.plan()
    found = prepared.foresee(fresh=options.fresh)
    if options.json:
        print(json.dumps({**found, "study": prepared.facts}, ensure_ascii=False))
    else:
        show.forecast(found)
    return DONE


def _of_sets(suite: Any, options: argparse.Namespace) -> int:
    from .. import humane, show

    found = suite.foresee(fresh=options.fresh)
    whole = sum(one.get("seconds", 0.0) for one in found.values())
    if options.json:
        print(json.dumps({"seconds": round(whole, 1), "sets": found}, ensure_ascii=False))
        return DONE
    for name, one in found.items():
        print(name)
        show.forecast(one)
    print(f"all {len(found)} sets: {humane.duration(whole)}")
    return DONE
