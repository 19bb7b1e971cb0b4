"""Does a verdict keep its promises? Studies made from stored outputs of two real models, whose truth is known.

    null      in every group (a dialogue) a coin swaps the two models' answers: there is no difference to be found
    planted   as null, and one side gets a third, untuned model's answer in a share of the groups that makes the true
              difference exactly the smallest detectable one
    double    the same with twice that difference

Each is repeated with other coins and judged by `luthier.score.verdicts`. A false alarm is allowed in one of twenty,
a difference of the detectable size is promised in four of five.

    python bench/null_study.py OUTPUTS.csv            # 200 repetitions of each, about five minutes on one core
    python bench/null_study.py OUTPUTS.csv --repetitions 20
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from luthier import files, statistics
from luthier.machine import environment
from luthier.outputs import read_outputs
from luthier.records import Prediction
from luthier.score import scores, verdicts

REFERENCES = "human_baseline_summaries"
TUNED = ("instruct_model_summaries", "peft_model_summaries")
UNTUNED = "original_model_summaries"
METRIC = "rouge1"
OUT = Path(__file__).resolve().parent / "out" / "null_study.json"

FALSE_ALARMS = 0.09
"""18 of 200: chance gives more than that in 1 of 150 studies of a test that holds its 5 %."""
FOUND = {"planted": (0.7, 0.9), "double": (0.99, 1.0)}


@dataclass(frozen=True)
class Pool:
    """Stored answers of three models, and how far apart they are in each group."""

    said: Mapping[str, Sequence[Prediction]]
    groups: Sequence[int]
    """The group of every row."""
    apart_G: np.ndarray
    """The first tuned model minus the second."""
    lost_G: np.ndarray
    """What the untuned model's answer costs, against the mean of the tuned ones."""

    @classmethod
    def read(cls, path: Path) -> Pool:
        said = read_outputs(path, REFERENCES, [*TUNED, UNTUNED], group_rows=3)
        a, b, c = (np.array(scores(said[name], [METRIC], draws=2)[0].values) for name in (*TUNED, UNTUNED))
        return cls(said, [int(p.group) for p in said[UNTUNED]], a - b, (a + b) / 2 - c)

    def share(self, times: float) -> float:
        """The share of groups to spoil, so that the true difference is `times` the smallest detectable one."""
        low, high = 0.0, 1.0
        for _ in range(60):
            share = (low + high) / 2
            true = share * self.lost_G.mean()
            spread = np.mean(self.apart_G**2 + share * self.lost_G**2) - true**2
            least = statistics.smallest_detectable(float(spread) ** 0.5, len(self.apart_G))
            low, high = (share, high) if true < times * least else (low, share)
        return (low + high) / 2

    def study(self, share: float, seed: int) -> dict[str, list[Prediction]]:
        """Two made-up models: swapped by a coin, and the second spoiled in a share of the groups."""
        coin = np.random.default_rng(seed)
        swapped, spoiled = coin.random((2, len(self.apart_G))) < np.array([[0.5], [share]])
        first, second, third = (self.said[name] for name in (*TUNED, UNTUNED))
        a = [(second if swapped[g] else first)[i] for i, g in enumerate(self.groups)]
        b = [(third if spoiled[g] else first if swapped[g] else second)[i] for i, g in enumerate(self.groups)]
        return {"a": a, "b": b}


def declared(pool: Pool, share: float, repetitions: int) -> int:
    """In how many studies the verdict is a difference."""
    words = (verdicts(pool.study(share, seed), [METRIC])[0].verdict for seed in range(repetitions))
    return sum(word in ("better", "worse") for word in words)


def cut(pool: Pool, groups: int) -> Pool:
    """A smaller pool, for a quick look."""
    rows = [i for i, g in enumerate(pool.groups) if g < groups]
    said = {name: [one[i] for i in rows] for name, one in pool.said.items()}
    kept = [pool.groups[i] for i in rows]
    return replace(pool, said=said, groups=kept, apart_G=pool.apart_G[:groups], lost_G=pool.lost_G[:groups])


def main(words: Sequence[str] | None = None) -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("outputs", type=Path)
    options.add_argument("--repetitions", type=int, default=200)
    given = options.parse_args(words)
    pool, started = Pool.read(given.outputs), time.perf_counter()
    shares = {"null": 0.0, "planted": pool.share(1), "double": pool.share(2)}
    found = {name: declared(pool, share, given.repetitions) for name, share in shares.items()}
    true = {name: share * float(pool.lost_G.mean()) for name, share in shares.items()}
    for name, count in found.items():
        print(f"{name:8} true difference {100 * true[name]:.2f} points: declared in {count} of {given.repetitions}")
    kept = found["null"] <= FALSE_ALARMS * given.repetitions
    kept &= all(low <= found[name] / given.repetitions <= high for name, (low, high) in FOUND.items())
    facts = {"repetitions": given.repetitions, "declared": found, "true": true, "kept": kept}
    seconds = round(time.perf_counter() - started, 1)
    files.write_json(OUT, facts | {"seconds": seconds, "environment": environment()})
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
