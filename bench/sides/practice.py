"""The practice: Trainer and PEFT as in the labs and tutorials that luthier answers to.

Everything is padded to a fixed width, computed in fp32, in random order, with the largest pass that fits; answers
are generated one row at a time.
"""

from __future__ import annotations

from collections.abc import Iterator

from job import Facts, Job

from sides import trainer


def run(job: Job) -> Iterator[Facts]:
    return trainer.run(job, trainer.Habits(width=job.work.width))
