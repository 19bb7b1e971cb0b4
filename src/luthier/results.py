"""The outcome of a study, gathered from its files; needs no model and no tensor, so a laptop can do it for a GPU."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from . import baselines, files, sentences, why
from .alarms import alarms, prompts
from .by_task import by_task
from .caveats import gathered
from .errors import Damaged, UserError
from .metrics import direction
from .records import Example, Prediction, from_json, to_json
from .score import ALWAYS, Runs, figures, method_verdicts, resolution, scores
from .tasks import parse_task

UNFINISHED = "not begun, or stopped before its end; the same command with --resume goes on"

Said = Mapping[str, Sequence[Prediction]]
"""Trial -> what it answered."""
Trials = Sequence[Mapping[str, Any]]


def finish(folder: Path, keep: bool = True) -> dict[str, Any]:
    """Gather the trials of a study folder, with `keep` into `results.json`; needs no model and no tensor.

    Beside `study`, `trials`, `verdicts` and `environment` it holds `caveats` (those of all trials, each said once with
    its trials), `references` (lines that need no model, with the verdict of the best method against each), `why` (what
    the best one's lead is made of), `detectable` (the true difference that these rows show) and, of a mixture of
    tasks, `by_task`.
    """
    study = files.read_json(folder / "study.json")
    trials = _named([outcome(folder / name) | predicted(study, name) for name in study["trials"]])
    said = {t["id"]: read_predictions(folder / t["id"]) for t in trials if t["status"] == "done"}
    for trial in trials:
        if trial["id"] in said:
            found = alarms(trial, _losses(folder / trial["id"]), said[trial["id"]], study["primary"])
            trial["caveats"] = [*trial["caveats"], *found]
            trial["metrics_clean"] = _clean_metrics(study, said[trial["id"]])
    asked = prompts([t for t in trials if t["id"] in said])
    for trial in trials:
        trial["caveats"] = [*trial["caveats"], *([asked[trial["id"]]] if trial["id"] in asked else [])]
    splits = _examples(folder)
    results = {
        "study": {k: v for k, v in study.items() if k != "environment"},
        "trials": trials,
        "verdicts": [],
        "caveats": to_json(gathered(trials)),
        "references": [],
        "environment": study["environment"],
    }
    if said:
        results |= _compared(study, trials, said)
        results["references"] = _references(study, trials, said, splits)
        shown = _one_each(trials, said)
        best = next(t for t in shown if t["method"] == best_trial(trials, study["primary"])["method"])["id"]
        rows, kept = {e.id: e for e in splits["test"]}, {t["id"]: said[t["id"]] for t in shown}
        results["why"] = why.explain(kept, study["primary"], best, rows, study["prompt"])
        of_tasks = {"by": getattr(parse_task(study["task_spelled"]), "by", "")} | study
        if found := by_task(kept, runs(trials, said), splits, of_tasks):
            results["by_task"] = found
        results["why"]["unmoved"] = why.unmoved(shown)
    if study.get("by_rows"):
        results |= _by_rows(folder, results, said, keep)
    if keep:
        files.write_json(folder / "results.json", results)
    return results


def _named(trials: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every trial under the spelling that was trained, an unfinished one under that of its finished seeds; two that
    were asked for apart and became the same keep what was asked."""
    trained = {t["asked"]: t["method"] for t in trials if t["status"] == "done"}
    times = Counter(trained.values())
    for t in trials:
        name = trained.get(t["asked"], t["method"])
        t["method"] = name if times[name] < 2 else t["asked"]
    return trials


def _by_rows(folder: Path, results: dict[str, Any], said: Said, keep: bool) -> dict[str, Any]:
    """The same study on fewer training rows (`studies`, itself last), and what the last step up brought (`gains`)."""
    names = results["study"]["by_rows"]
    found = [finish(folder / name, keep) for name in names] + [results]
    kept = ("study", "trials", "verdicts")
    studies = [{k: one[k] for k in kept} for one in found]
    below = {
        t["id"]: read_predictions(folder / names[-1] / t["id"]) for t in found[-2]["trials"] if t["status"] == "done"
    }
    return {"studies": studies, "gains": gains((found[-2], below), (results, said))}


def gains(fewer: tuple[Mapping[str, Any], Said], more: tuple[Mapping[str, Any], Said]) -> list[dict[str, Any]]:
    """A verdict for every method that learned from both, `a` with more training rows and `b` with fewer; corrected for
    all of them."""
    sides, pairs = {}, {}
    for number, (results, said) in enumerate((more, fewer)):
        rows = results["study"]["data"]["rows"]["train"]
        asked = {t["method"]: t["asked"] for t in results["trials"]}
        for method, by_seed in runs(results["trials"], said).items():
            name = f"{method} · {rows:,} rows"
            sides[name] = by_seed
            pairs.setdefault(asked[method], {})[number] = name
    both = [(names[0], names[1]) for names in pairs.values() if len(names) == 2]
    study = more[0]["study"]
    return to_json(method_verdicts(sides, [study["primary"]], pairs=both, margin=study["margin"]))


def _clean_metrics(study: Mapping[str, Any], predictions: Sequence[Prediction]) -> dict[str, Any]:
    """The metrics without the test rows that training also shows; empty where there are none, or nothing but such."""
    leaked = set(study.get("leaks", {}).get("test", ()))
    clean = [p for p in predictions if p.id not in leaked]
    if not clean or len(clean) == len(predictions):
        return {}
    return figures(scores(clean, study["metrics"]))


def _compared(study: Mapping[str, Any], trials: Trials, said: Said) -> dict[str, Any]:
    """The verdicts: on methods where there are several seeds, else on trained models."""
    primary = study["primary"]
    if len(study["seeds"]) > 1:
        wanted, known = method_pairs(trials, primary), runs(trials, said)
    else:
        wanted = pairs(trials, primary)
        known = {t["id"]: {_seed(t): said[t["id"]]} for t in trials if t["id"] in said}
    found = method_verdicts(known, study["metrics"], pairs=_with_others(wanted, known), margin=study["margin"])
    found = [v for v in found if (v.a, v.b) in wanted]
    return {
        "verdicts": [_with_costs(v, trials) if v["metric"] == primary else v for v in to_json(found)],
        "detectable": resolution([v for v in found if v.metric == primary], next(iter(said.values()))),
    }


def _with_others(wanted: Sequence[tuple[str, str]], known: Runs) -> list[tuple[str, str]]:
    """The pairs, and all others of the same runs: the best was chosen by these very scores, so that p must be corrected
    for every pair that might have been the one to be told."""

    def comparable(a: str, b: str) -> bool:
        return ALWAYS in known[a] or ALWAYS in known[b] or not known[a].keys().isdisjoint(known[b])

    return [*wanted, *(p for p in combinations(known, 2) if not {p, p[::-1]} & {*wanted} and comparable(*p))]


def _one_each(trials: Trials, said: Said) -> list[Mapping[str, Any]]:
    """A finished trial of every method, with its lowest seed: what is explained are answers, not their mean."""
    first: dict[str, Mapping[str, Any]] = {}
    for t in sorted((t for t in trials if t["id"] in said), key=lambda t: t["seed"]):
        first.setdefault(t["method"], t)
    return list(first.values())


def _with_costs(verdict: dict[str, Any], trials: Trials) -> dict[str, Any]:
    sides = []
    for name in (verdict["a"], verdict["b"]):
        own = [t for t in trials if t["status"] == "done" and name in (t["id"], t["method"])]
        sides.append((name, sentences.mean_costs(own)))
    return verdict | {"sentence": sentences.with_costs(verdict["sentence"], sentences.costs(*sides))}


def _references(
    study: Mapping[str, Any], trials: Trials, said: Said, splits: Mapping[str, Sequence[Example]]
) -> list[dict[str, Any]]:
    """The lines that need no model, and how the best method stands to those that answered the same rows."""
    if not splits["train"] or not splits["test"]:
        return []
    lines = baselines.reference_lines(splits, parse_task(study["task_spelled"]))
    table = baselines.table(lines, study["metrics"])
    best = best_trial(trials, study["primary"])["method"]
    rivals = {x.name: {ALWAYS: x.predictions} for x in lines if x.kind != "human"}
    known = runs(trials, said) | rivals
    every = [(method, name) for method in known if method not in rivals for name in rivals]  # see `_with_others`
    found = method_verdicts(known, [study["primary"]], pairs=every, margin=study["margin"])
    against = {v["b"]: v for v in to_json(found) if v["a"] == best}
    clean = {x.name: {"metrics_clean": _clean_metrics(study, x.predictions)} for x in lines if x.kind != "human"}
    more = {line["name"]: {"against": against[line["name"]]} for line in table if line["name"] in against}
    return [line | clean.get(line["name"], {}) | more.get(line["name"], {}) for line in table]


def runs(trials: Trials, said: Said) -> dict[str, dict[int | None, Sequence[Prediction]]]:
    """Method -> seed -> answers; what trains nothing is the same beside every seed."""
    found: dict[str, dict[int | None, Sequence[Prediction]]] = {}
    for t in trials:
        if t["id"] in said:
            found.setdefault(t["method"], {})[_seed(t)] = said[t["id"]]
    return found


def _seed(trial: Mapping[str, Any]) -> int | None:
    return trial["seed"] if trial["trainable_parameters"] else ALWAYS


def method_pairs(trials: Trials, primary: str) -> list[tuple[str, str]]:
    """`pairs`, of methods; two that share no seed cannot be paired and are left out."""
    method = {t["id"]: t["method"] for t in trials}
    seeds: dict[str, set[int]] = {}
    for t in trials:
        if t["status"] == "done":
            seeds.setdefault(t["method"], set()).update([t["seed"]] if t["trainable_parameters"] else range(10_000))
    found: list[tuple[str, str]] = []
    for a, b in ((method[a], method[b]) for a, b in pairs(trials, primary)):
        if a != b and seeds[a] & seeds[b] and (a, b) not in found and (b, a) not in found:
            found.append((a, b))
    return found


def best_trial(trials: Trials, primary: str) -> Mapping[str, Any]:
    """The best trial of the method that is best on average."""
    done = [t for t in trials if t["status"] == "done"]
    by_method: dict[str, list[float]] = {}
    for trial in done:
        by_method.setdefault(trial["method"], []).append(trial["metrics"][primary]["mean"])
    sign = direction(primary)
    winner = max(by_method, key=lambda m: sign * sum(by_method[m]) / len(by_method[m]))
    return max((t for t in done if t["method"] == winner), key=lambda t: sign * t["metrics"][primary]["mean"])


def _losses(folder: Path) -> list[float]:
    try:
        path = folder / "steps.jsonl"
        return [line["loss"] for line in files.read_jsonl(path)] if path.exists() else []
    except Damaged:  # the report names a torn file
        return []


def _examples(folder: Path) -> dict[str, list[Example]]:
    """Split -> examples; empty where a folder came without them."""
    found = {}
    for split in ("train", "dev", "test"):
        path = folder / "examples" / f"{split}.jsonl"
        found[split] = [from_json(Example, v) for v in files.read_jsonl(path)] if path.exists() else []
    return found


def finished(folder: Path) -> dict[str, Any]:
    """The `outcome` of a trial that ended well.

    Raises:
        UserError: there is none, or it has not ended, or not well.
        Damaged: one of its files is not what it was.
    """
    if not (folder / "trial.json").exists():
        raise UserError(
            f"{folder} holds no trial.",
            "a trial's folder",
            "luthier list shows the studies; a trial is a folder inside",
        )
    found = outcome(folder)
    if found["status"] == "unfinished":
        raise UserError(f"The trial in {folder} is not finished.", "a finished one", "finish its study with --resume")
    if found["status"] != "done":
        why = str(found["error"]).removeprefix(f"{found['status']}: ")
        raise UserError(
            f"The trial in {folder} ended as {found['status']}: {why}.", "a finished one", "take another trial"
        )
    return found


def outcome(folder: Path) -> dict[str, Any]:
    """One trial as a row of `results.json`."""
    if not (folder / "trial.json").exists():
        raise Damaged(f"{folder / 'trial.json'} is missing")
    trial = files.read_json(folder / "trial.json")
    blank = {
        "status": "unfinished",
        "error": None,
        "learning_rate": None,
        "metrics": {},
        "metrics_clean": {},
        "trainable_parameters": 0,
        "total_parameters": 0,
        "shipped_bytes": 0,
        "train_seconds": 0.0,
        "predict_seconds": 0.0,
        "peak_bytes": 0,
        "tokens": 0,
        "caveats": [],
        "dev": [],
        "best_epoch": None,
    }
    facts = files.sealed(folder)
    if facts is None and (folder / "failure.json").exists():
        facts = files.read_json(folder / "failure.json")
    facts = facts or {"error": UNFINISHED}
    facts = {k: v for k, v in facts.items() if k != "files"}
    asked = trial["method"]
    return {"id": folder.name, "method": asked, "asked": asked, "seed": trial["seed"]} | blank | facts


def predicted(study: Mapping[str, Any], name: str) -> dict[str, Any]:
    """What was forecast of a trial before it ran: the seconds that are measured too (training and predicting), and
    its memory; empty where nothing was."""
    forecast = study.get("forecast", {}).get("trials", {}).get(name)
    if forecast is None:
        return {}
    seconds = forecast["train_seconds"] + forecast["predict_seconds"]
    return {"predicted_seconds": round(seconds, 1), "predicted_peak_bytes": forecast["peak_bytes"]}


def pairs(trials: Sequence[Mapping[str, Any]], primary: str) -> list[tuple[str, str]]:
    """Every method against the best, against full and against lora, each pair once."""
    done = [t for t in trials if t["status"] == "done"]
    if not done:
        return []
    best = best_trial(trials, primary)
    anchors = [best, *(t for word in ("full", "lora") for t in done if t["method"].split("(")[0] == word)]
    found: list[tuple[str, str]] = []
    for anchor in anchors:
        for other in done:
            pair = (other["id"], anchor["id"])
            if other is not anchor and pair not in found and pair[::-1] not in found:
                found.append(pair)
    return found


def read_predictions(folder: Path) -> list[Prediction]:
    return [from_json(Prediction, value) for value in files.read_jsonl(folder / "predictions.jsonl")]
