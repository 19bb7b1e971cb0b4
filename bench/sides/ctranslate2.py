"""CTranslate2 on the merged model: decoding alone, the fastest we know of on a processor.

It ends answers for a whole batch only, so every answer of its workload has the same length. It is told to decode
greedily in the precision that luthier uses, or in float32 where it lacks that one (the row says so); its own batching
sorts the rows and lets ended ones leave.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from job import Facts, Job, answer_lengths
from job import timed_generation as timed
from workloads import TOGETHER


def run(job: Job) -> Iterator[Facts]:
    try:
        import ctranslate2
    except ImportError:
        raise ModuleNotFoundError("ctranslate2 is not installed: pip install -r bench/requirements.lock") from None
    from transformers import AutoTokenizer

    started, test = time.perf_counter(), job.plan("test")
    tokenizer = AutoTokenizer.from_pretrained(job.backbone)
    lacking = job.half and "bfloat16" not in ctranslate2.get_supported_compute_types(job.device)
    with tempfile.TemporaryDirectory() as folder:
        ctranslate2.converters.TransformersConverter(job.backbone).convert(str(Path(folder) / "model"))
        translator = ctranslate2.Translator(
            str(Path(folder) / "model"),
            device=job.device,
            compute_type="bfloat16" if job.half and not lacking else "float32",
            intra_threads=job.threads,
        )
    note = {"note": "has no bfloat16 on this processor, computed in float32"} if lacking else {}
    yield {"stage": "start", "seconds": time.perf_counter() - started, **note}
    words = [tokenizer.convert_ids_to_tokens(row.tolist()) for row in test.inputs]
    # The end token is closed until the last position and then cut off, so an answer of n tokens is n - 1 and the end.
    (length,) = set(answer_lengths(test))

    def say(rows: int) -> list[int]:
        out = translator.translate_batch(
            words[:rows],
            beam_size=1,
            max_batch_size=TOGETHER,
            min_decoding_length=length,
            max_decoding_length=length,
            max_input_length=0,
            return_end_token=True,
        )
        tokenizer.batch_decode([tokenizer.convert_tokens_to_ids(o.hypotheses[0]) for o in out])
        return [len(o.hypotheses[0]) for o in out]

    yield timed(say, len(test))
