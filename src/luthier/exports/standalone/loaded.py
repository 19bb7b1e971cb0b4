"""A folder that `luthier export` wrote, loaded with transformers and peft alone.

    model = Loaded("FOLDER")
    model.answer({"text": "..."})      # -> (answer, {label: probability} or None)

`task.json` in the folder says how a row becomes a prompt and how an answer is read. Run as a program, this file says
what the folder computes for given rows; the certificate of the export compares that with the trial.
"""

from __future__ import annotations

import json
import os
import re
import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors.torch import load_file
from safetensors.torch import save as tensor_bytes
from torch.nn.functional import linear

Row = Mapping[str, Any]
"""`{"fields": {column: text}}`; `{"messages": [{"role": ..., "content": ...}]}` where the task is a chat;
`{"ids": [...]}` where the tokens are known."""

CLASSES = {"seq2seq": "AutoModelForSeq2SeqLM", "causal": "AutoModelForCausalLM"}
PIECE = re.compile(r"\{\{|\}\}|\{([^{}]+)\}")


def fill(template: str, fields: Mapping[str, str]) -> str:
    """The prompt of a row: `{column}` is replaced, `{{` is a brace, a paragraph of empty `{column?}`s is left out."""
    shown = []
    for paragraph in template.split("\n\n"):
        names = [m[1] for m in PIECE.finditer(paragraph) if m[1]]
        if names and all(n.endswith("?") and not fields[n[:-1]].strip() for n in names):
            continue
        shown.append(PIECE.sub(lambda m: fields[m[1].removesuffix("?")] if m[1] else m[0][0], paragraph))
    return "\n\n".join(shown)


class Loaded:
    """Model and tokenizer of an exported folder.

    Args:
        base: the base model's folder or id, where it is not the one that `task.json` names.
        device: `cpu`, `cuda`, or the better one that is there.
    """

    def __init__(self, folder: Path | str, base: str | None = None, device: str | None = None) -> None:
        self.folder = Path(folder)
        self.facts = json.loads((self.folder / "task.json").read_text(encoding="utf-8"))
        self.device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(self.folder)
        self.model, self.loading = self._adapted(base) if self.facts["adapter"] else self._plain(self.folder, {})
        self.model.eval()
        if not self.facts["head"]:
            self.generation = transformers.GenerationConfig.from_pretrained(self.folder)

    def _adapted(self, base: str | None) -> tuple[Any, Mapping[str, Any]]:
        from peft import PeftModel

        named = self.facts["base"]
        inside = self.folder / "base"
        place = base or (str(inside) if inside.is_dir() else named["id"])
        if place is None:
            raise SystemExit(f"This adapter's base {named['name']!r} has no public id: name its folder as `base`.")
        hub = {"revision": named["revision"]} if named["revision"] and place == named["id"] else {}
        model, loading = self._plain(place, hub)
        return PeftModel.from_pretrained(model, self.folder), loading

    def _plain(self, place: Path | str, more: dict[str, Any]) -> tuple[Any, Mapping[str, Any]]:
        if self.facts["pooling"]:
            loader, self.head = transformers.AutoModel, load_file(self.folder / "head.safetensors", self.device)
        elif self.facts["head"]:
            loader, more = transformers.AutoModelForSequenceClassification, more | self._labels()
        else:
            loader = getattr(transformers, CLASSES[self.facts["base"]["kind"]])
        dtype = getattr(torch, self.facts["base"]["dtype"])
        stored = quantisation(self.facts["base"]["quantisation"], dtype, self.device) if self.facts["adapter"] else {}
        model, loading = loader.from_pretrained(
            place, dtype=dtype, use_safetensors=True, output_loading_info=True, **stored, **more
        )
        if self.facts["head"]:
            model.config.pad_token_id = self.tokenizer.pad_token_id
        if model.get_input_embeddings().weight.shape[0] < self.facts["base"]["vocabulary"]:
            model.resize_token_embeddings(self.facts["base"]["vocabulary"], mean_resizing=False)
        return model if stored else model.to(self.device), loading

    def missing(self) -> list[str]:
        """Weights that are read and that the folder does not hold."""
        return [name for name in self.loading["missing_keys"] if not (self.facts["pooling"] and "pooler" in name)]

    def _labels(self) -> dict[str, Any]:
        names = dict(enumerate(self.facts["labels"]))
        return {"num_labels": len(names), "id2label": names, "label2id": {name: n for n, name in names.items()}}

    def inputs(self, row: Row) -> dict[str, torch.Tensor]:
        """What the model reads for one row, (1, S) each."""
        if "ids" in row:
            ids = torch.tensor([row["ids"]], device=self.device)
            return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
        if "messages" in row:
            read = self.tokenizer.apply_chat_template(
                row["messages"], add_generation_prompt=True, return_tensors="pt", return_dict=True
            )
        else:
            # As lists: of a lone pair the tokenizer leaves out an empty second text, and its separator with it.
            read = self.tokenizer(*([text] for text in self.texts(row["fields"])), return_tensors="pt")
        return dict(read.to(self.device))

    def texts(self, fields: Mapping[str, str]) -> list[str]:
        """The prompt, or the one or two texts that a classifier reads apart."""
        if self.facts["segments"]:
            return [fields[name] for name in self.facts["segments"]]
        return [fill(self.facts["prompt"], fields)]

    @torch.inference_mode()
    def logits(self, inputs: dict[str, torch.Tensor], answer: Sequence[int]) -> torch.Tensor:
        """A class head's logits (labels,), or those that choose each of the answer's tokens (T, vocabulary)."""
        if self.facts["pooling"]:
            return self._own_head(self.model(**inputs).last_hidden_state[0])
        if self.facts["head"]:
            return self.model(**inputs).logits[0].float()
        if self.facts["base"]["kind"] == "seq2seq":
            start = self.model.config.decoder_start_token_id
            written = torch.tensor([[start, *answer[:-1]]], device=self.device)
            return self.model(**inputs, decoder_input_ids=written).logits[0].float()
        written = torch.tensor([answer[:-1]], dtype=torch.long, device=self.device)
        ids = torch.cat([inputs["input_ids"], written], 1)
        return self.model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[0, -len(answer) :].float()

    def _own_head(self, hidden: torch.Tensor) -> torch.Tensor:
        """Logits (labels,) of a head that transformers does not have, from hidden states (S, width)."""
        pooled = (hidden.mean(0) if self.facts["pooling"] == "mean" else hidden[0]).float()
        inner = torch.tanh(linear(pooled, self.head["dense.weight"], self.head["dense.bias"]))
        return linear(inner, self.head["out_proj.weight"], self.head["out_proj.bias"])

    @torch.inference_mode()
    def answer(self, row: Row | None = None, /, **fields: str) -> tuple[str, dict[str, float] | None]:
        """The answer to a row, and every label's probability where one is chosen."""
        inputs = self.inputs(row or {"fields": fields})
        if self.facts["labels"]:
            scores = self.logits(inputs, ()) if self.facts["head"] else self._word_scores(inputs)
            shares = dict(zip(self.facts["labels"], scores.softmax(0).tolist()))
            return max(shares, key=shares.__getitem__), shares
        said = self.model.generate(**inputs, generation_config=self.generation)[0]
        if self.facts["base"]["kind"] == "causal":
            said = said[inputs["input_ids"].shape[1] :]
        return self.tokenizer.decode(said, skip_special_tokens=True).strip(), None

    def _word_scores(self, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        """Log-probability of each label's words after the prompt, (labels,)."""
        scores = []
        for word in self.facts["words"]:
            ids = self._word_ids(word)
            likely = self.logits(inputs, ids).log_softmax(-1)
            scores.append(likely[torch.arange(len(ids)), torch.tensor(ids)].sum())
        return torch.stack(scores)

    def _word_ids(self, word: str) -> list[int]:
        if self.facts["base"]["kind"] == "seq2seq":
            return self.tokenizer(text_target=word)["input_ids"]
        return [*self.tokenizer(word, add_special_tokens=False)["input_ids"], self.tokenizer.eos_token_id]


def quantisation(precision: str | None, dtype: torch.dtype, device: str) -> dict[str, Any]:
    """The loader's words for the bits that the trial's base was kept in."""
    if precision is None:
        return {}
    heads = ["classifier", "score", "lm_head"]
    if precision == "int8":
        kept = transformers.BitsAndBytesConfig(load_in_8bit=True, llm_int8_skip_modules=heads)
    else:
        kept = transformers.BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=dtype,
            llm_int8_skip_modules=heads,
        )
    return {"quantization_config": kept, "device_map": {"": device}}


def computed(
    folder: Path, base: str | None, rows: Sequence[Row], positions: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the folder computes for `rows`: facts as JSON values, and the logits by row number."""
    found, logits = [], {}
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        model = Loaded(folder, base)
        for number, row in enumerate(rows):
            inputs = model.inputs(row)
            whole = model.logits(inputs, row["answer_ids"]).cpu()
            logits[str(number)] = whole if model.facts["head"] else whole[:positions]
            if model.facts["kind"] == "read":
                said = {"nats": nats(whole, row["answer_ids"])}
            else:
                said = dict(zip(("answer", "probabilities"), model.answer(row)))
            found.append({"ids": inputs["input_ids"][0].tolist()} | said)
    facts = {
        "rows": found,
        # A base beside an adapter may hold heads that this task does not read, and a head of its own reads no pooler.
        "missing": [] if model.facts["adapter"] else sorted(model.missing()),
        "unexpected": [] if model.facts["adapter"] else sorted(model.loading["unexpected_keys"]),
        "warnings": [str(w.message).splitlines()[0] for w in heard if issubclass(w.category, UserWarning)],
        "device": model.device,
        "libraries": libraries(),
        "luthier_loaded": any(name.split(".")[0] == "luthier" for name in sys.modules),
    }
    return facts, {name: tensor.contiguous() for name, tensor in logits.items()}


def nats(logits: torch.Tensor, ids: Sequence[int]) -> float:
    """Mean negative log-likelihood of a token, logits (T, vocabulary)."""
    return -logits.log_softmax(-1)[torch.arange(len(ids)), torch.tensor(ids)].mean().item()


def libraries() -> dict[str, str]:
    """Versions of what ran here."""
    loaded = {name: sys.modules[name].__version__ for name in ("torch", "transformers", "peft") if name in sys.modules}
    return {"python": sys.version.split()[0], **loaded}


def main(asked: Path) -> None:
    """Answer the request in `asked` (JSON): tensors on standard output, with the facts as their metadata."""
    out = os.dup(1)
    os.dup2(2, 1)  # whatever a library prints must not stand between the tensors
    request = json.loads(asked.read_text(encoding="utf-8"))
    facts, logits = computed(Path(request["folder"]), request["base"], request["rows"], request["positions"])
    with os.fdopen(out, "wb") as stream:
        stream.write(tensor_bytes(logits, metadata={"facts": json.dumps(facts)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
