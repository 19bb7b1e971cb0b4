"""The recipe of `seedling-t5`: corpus in, transformers folder out, on a few CPU cores.

    python -m luthier.bases.pretrain DATA_FOLDER --out RUN_FOLDER --minutes 20

The run folder receives the tokenizer, the numbered examples, a checkpoint, the curve
(`curve.jsonl`) and the finished model (`model/`). The learning rate follows the share
of the budget that is used up, so that a run always ends with it decayed, however fast
the machine is. Started again on the same folder, a run goes on where it stopped. Given
`--steps`, two runs with one seed see the same batches and the same learning rates.

On a machine that others use too, set OMP_WAIT_POLICY=PASSIVE: threads that spin while they
wait for one another take longer by far once another program holds a core.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import time
from pathlib import Path

import torch
import torch.nn.functional as functional
from tokenizers import Tokenizer
from torch import Tensor
from transformers import T5ForConditionalGeneration

from . import checkpoint, corpus, examples, tokenizer
from .muon import Muon
from .publish import publish
from .shape import fresh_model

WARM_UP = 0.03
DECAY_FROM = 0.55
MATRIX_RATE = 5e-3
VECTOR_RATE = 5e-3
POSITION_RATE = 2e-2
QUERY_SHARE = 0.4
"""T5 does not scale its attention scores, so query weights live on a smaller scale."""
GRADIENT_LIMIT = 1.0
SECONDS_BETWEEN_SAVES = 120
STEPS_BETWEEN_MEASURES = 250


def optimizers_for(model: T5ForConditionalGeneration) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the blocks, AdamW for all the rest."""
    queries, matrices, positions, rest = [], [], [], []
    for name, weight in model.named_parameters():
        if "relative_attention_bias" in name:
            positions.append(weight)
        elif weight.ndim == 2 and "shared" not in name:
            (queries if name.endswith("Attention.q.weight") else matrices).append(weight)
        else:
            rest.append(weight)
    muon = Muon([{"params": matrices}, {"params": queries, "share": QUERY_SHARE}], lr=MATRIX_RATE)
    adam = torch.optim.AdamW(
        [{"params": rest, "lr": VECTOR_RATE}, {"params": positions, "lr": POSITION_RATE}],
        betas=(0.9, 0.98),
        weight_decay=0.0,
    )
    for optimizer in (muon, adam):
        for group in optimizer.param_groups:
            group["peak"] = group["lr"]
    return [muon, adam]


def rate_factor(used: float) -> float:
    """Warm up, hold, then fall to nothing as the budget is used up (0 to 1)."""
    if used < WARM_UP:
        return max(0.05, used / WARM_UP)
    return 1.0 if used < DECAY_FROM else max(0.0, (1 - used) / (1 - DECAY_FROM))


def token_losses(model: T5ForConditionalGeneration, batch: examples.Batch) -> Tensor:
    """The loss of every real target token; padding never reaches the output layer."""
    inputs, targets = torch.from_numpy(batch.inputs), torch.from_numpy(batch.targets)
    mask = (inputs != model.config.pad_token_id).long()
    given = functional.pad(targets.clamp_min(0)[:, :-1], (1, 0), value=model.config.decoder_start_token_id)
    read = model.encoder(input_ids=inputs, attention_mask=mask).last_hidden_state
    hidden = model.decoder(
        input_ids=given, encoder_hidden_states=read, encoder_attention_mask=mask, use_cache=False
    ).last_hidden_state
    real = targets != -100
    scores = functional.linear(hidden[real] * model.config.d_model**-0.5, model.shared.weight)
    return functional.cross_entropy(scores, targets[real], reduction="none")


def measure(model: T5ForConditionalGeneration, store: examples.ExampleStore, words: Tokenizer) -> dict[str, float]:
    """Mean loss a token, and bits a byte of the hidden text, on unseen documents."""
    total, tokens, size = 0.0, 0, 0
    with torch.no_grad():
        for start in range(0, len(store), 32):
            batch = store.batch(range(start, min(start + 32, len(store))))
            losses = token_losses(model, batch)
            total, tokens = total + losses.sum().item(), tokens + len(losses)
            for row in batch.targets:
                size += len(words.decode(row[row >= 0].tolist()).encode("utf-8"))
    return {"loss": round(total / tokens, 4), "bits_per_byte": round(total / math.log(2) / size, 4)}


def prepare(data: Path, out: Path, count: int, seed: int) -> Tokenizer:
    """Learn the tokenizer and number the examples, unless the run folder has them."""
    out.mkdir(parents=True, exist_ok=True)
    vocabulary = out / "tokenizer.json"
    if vocabulary.exists() and (out / "train" / "targets.npy").exists():
        return Tokenizer.from_file(str(vocabulary))
    seen, unseen = corpus.split_documents(data)
    if vocabulary.exists():
        words = Tokenizer.from_file(str(vocabulary))
    else:
        words = tokenizer.train(one.text for one in seen[::3])
        words.save(str(vocabulary))
    for lang in ("en", "zh"):
        rng = random.Random(0)
        group = [one for one in unseen if one.lang == lang]
        examples.save_examples(examples.span_examples(group, words, 128, rng), out / f"unseen-{lang}")
    examples.save_examples(examples.make_examples(seen, words, count, seed), out / "train")
    return words


def train(out: Path, words: Tokenizer, options: argparse.Namespace) -> T5ForConditionalGeneration:
    """Run, or go on with, the training until the budget is used up."""
    model = fresh_model(options.seed)
    optimizers = optimizers_for(model)
    progress = checkpoint.resume(out / "checkpoint", model, optimizers)
    unseen = {lang: examples.ExampleStore(out / f"unseen-{lang}") for lang in ("en", "zh")}
    stream = examples.batches(examples.ExampleStore(out / "train"), options.batch_tokens, options.seed)
    for _ in range(progress.step):
        next(stream)
    started = time.monotonic() - progress.seconds
    saved = progress.seconds
    recent: list[float] = []
    with (out / "curve.jsonl").open("a", encoding="utf-8") as curve:
        while (used := _used(progress, options)) < 1:
            recent.append(_learn(model, optimizers, next(stream), used, progress))
            progress.seconds = time.monotonic() - started
            if progress.step % 25 == 0:
                row = {**vars(progress), "loss": round(sum(recent) / len(recent), 4)}
                recent.clear()
                if progress.step % STEPS_BETWEEN_MEASURES == 0:
                    row |= {lang: measure(model, store, words) for lang, store in unseen.items()}
                _note(curve, row)
            if progress.seconds - saved > SECONDS_BETWEEN_SAVES:
                checkpoint.save(out / "checkpoint", model, optimizers, progress)
                saved = progress.seconds
        checkpoint.save(out / "checkpoint", model, optimizers, progress)
        _note(curve, {**vars(progress), **{lang: measure(model, store, words) for lang, store in unseen.items()}})
    return model


def _used(progress: checkpoint.Progress, options: argparse.Namespace) -> float:
    """The share of the budget that is spent, in steps when they are given, else in time."""
    if options.steps:
        return progress.step / options.steps
    return progress.seconds / (60 * options.minutes)


def _learn(
    model: T5ForConditionalGeneration,
    optimizers: list[torch.optim.Optimizer],
    batch: examples.Batch,
    used: float,
    progress: checkpoint.Progress,
) -> float:
    """One step; gives the batch's loss."""
    loss = token_losses(model, batch).mean()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), GRADIENT_LIMIT)
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * rate_factor(used)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    progress.step += 1
    progress.tokens += int((batch.inputs != 0).sum() + (batch.targets >= 0).sum())
    return loss.item()


def _note(curve, row: dict) -> None:
    row["seconds"] = round(row["seconds"], 1)
    line = json.dumps(row)
    curve.write(line + "\n")
    curve.flush()
    print(line, flush=True)


def arguments() -> argparse.ArgumentParser:
    """The command line of the recipe."""
    parser = argparse.ArgumentParser(prog="python -m luthier.bases.pretrain", description=__doc__)
    parser.add_argument("data", type=Path, help="folder with the *.jsonl.gz shards")
    parser.add_argument("--out", type=Path, required=True, help="run folder; started again, the run goes on")
    parser.add_argument("--minutes", type=float, default=20.0, help="training time, preparation not counted")
    parser.add_argument("--steps", type=int, default=0, help="a budget in steps instead of minutes")
    parser.add_argument("--examples", type=int, default=60_000, help="size of the training mixture")
    parser.add_argument("--batch-tokens", type=int, default=5_000, help="padded tokens a batch")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    return parser


def main(given: list[str] | None = None) -> None:
    """Prepare, train, publish."""
    options = arguments().parse_args(given)
    if options.minutes <= 0 and options.steps <= 0:
        raise SystemExit("the run needs a budget: --minutes or --steps above 0")
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)
    words = prepare(options.data, options.out, options.examples, options.seed)
    model = train(options.out, words, options)
    publish(model, words, options.out / "model")


if __name__ == "__main__":
    main()
