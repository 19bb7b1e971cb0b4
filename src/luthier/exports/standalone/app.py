"""A page with a box for text: answers of the model in `model/`, for a label task every label's probability.

`python app.py` serves it; `python app.py --probe` answers `probe.json` and fails where the answer is another one.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from loaded import Loaded

FOLDER = Path(__file__).resolve().parent
WORDS = {
    "en": {"ask": "Answer", "said": "Answer", "message": "Message"},
    "zh": {"ask": "回答", "said": "回答", "message": "消息"},
}
CLOSE = 1e-3
"""Two probabilities count as equal within this: other machines add in another order."""


def row_of(model: Loaded, texts: list[str]) -> dict[str, Any]:
    """The boxes' texts as a row."""
    if model.facts["chat"]:
        return {"messages": [{"role": "user", "content": texts[0]}]}
    return {"fields": dict(zip(model.facts["columns"], texts))}


def page(model: Loaded) -> tuple[Any, Any]:
    """The page and its words in two languages."""
    import gradio as gr

    words = gr.I18n(**WORDS, **{"zh-CN": WORDS["zh"]})

    def answer(*texts: str) -> Any:
        if not any(text.strip() for text in texts):
            raise gr.Error("There is no text. 没有文字。")
        row = row_of(model, list(texts))
        tokens = model.inputs(row)["input_ids"].shape[1]
        if tokens > model.facts["max_input_tokens"]:
            raise gr.Error(f"{tokens} tokens, at most {model.facts['max_input_tokens']}. 文字太长。")
        text, shares = model.answer(row)
        return shares or text

    with gr.Blocks(title=model.facts["task"]) as made:
        names = [words("message")] if model.facts["chat"] else model.facts["columns"]
        boxes = [gr.Textbox(label=name, lines=4, max_lines=20) for name in names]
        button = gr.Button(words("ask"), variant="primary")
        shown = gr.Label if model.facts["labels"] else gr.Textbox
        said = shown(label=words("said"))
        gr.on([button.click, *(box.submit for box in boxes)], answer, boxes, said, api_name="answer")
    return made.queue(max_size=32), words


def probe(model: Loaded) -> None:
    """Ask what was asked when this folder was made."""
    asked = json.loads((FOLDER / "probe.json").read_text(encoding="utf-8"))
    text, shares = model.answer(asked["row"])
    if shares is None:
        right = text == asked["answer"]
    else:
        right = all(abs(share - asked["probabilities"][label]) < CLOSE for label, share in shares.items())
    print(json.dumps({"right": right, "answer": text, "probabilities": shares}, ensure_ascii=False))
    if not right:
        raise SystemExit(f"the answer was {asked['answer']!r} when this folder was made, and is {text!r} here")


def main() -> None:
    model = Loaded(FOLDER / "model")
    if "--probe" in sys.argv:
        probe(model)
        return
    made, words = page(model)
    made.launch(i18n=words)


if __name__ == "__main__":
    main()
