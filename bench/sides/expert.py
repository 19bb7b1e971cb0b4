"""The best script an expert writes with the same Trainer and PEFT.

`bf16=True` where the machine computes it fast, padding to the longest row of the batch, rows grouped by length, the
library's fused attention, answers generated many at a time, longest inputs first.
"""

from __future__ import annotations

from collections.abc import Iterator

from job import Facts, Job
from workloads import TOGETHER

from sides import trainer


def run(job: Job) -> Iterator[Facts]:
    return trainer.run(job, trainer.Habits(half=job.half, grouped=True, fused_attention=True, together=TOGETHER))
