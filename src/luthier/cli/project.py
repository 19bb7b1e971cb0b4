"""`init`: a folder to begin a study in."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from ..errors import UserError
from .words import DONE, NewVerb

STUDY = """\
# A study: luthier compare study.yaml   (luthier plan study.yaml says first what it will cost)
# Every word is an option of `luthier compare`; what stands on the command line wins.

backbone: seedling-t5        # a built-in name (luthier bases), a folder that save_pretrained wrote, or a hub id
data: data                   # a file or folder (jsonl, json, csv, tsv, parquet, txt), a hub id, or built-in: dialogues

methods:                     # luthier compare --card shows what each one trains and where its defaults come from
  - zero_shot                # the backbone as it is
  - full                     # every weight
  - lora(rank=16)            # low-rank changes
  - bitfit(everywhere=True)  # a bias for every projection

# task: summarise            # summarise, classify, answer, translate, keywords, chat; inferred from the columns
# prompt: "Summarize.\\n\\n{text}\\n\\nSummary: "
# answer: summary            # the column of the right answers

epochs: 3                    # passes over the training rows; minutes: 30 plans the study into half an hour instead
# seeds: 3                   # several seeds speak of methods, one speaks of two trained models
# train_rows: 2000           # draw this many
# precision: nf4             # auto, fp32, bf16, int8 or nf4 (then lora is QLoRA)

out: runs/first

# offline:                   # with --offline these words replace the ones above
#   backbone: seedling-t5
#   data: dialogues
"""

NOTES = """\
# Notes

What is the question? Which rows were kept away from training? What did each study in runs/ say?
"""

IGNORED = "runs/\n"


def add(verb: NewVerb) -> None:
    init = verb("init", "a commented study.yaml and folders for data, runs and notes", _init)
    init.add_argument("folder", metavar="FOLDER", nargs="?", default=".")


def _init(options: argparse.Namespace) -> int:
    from .. import files

    folder = Path(options.folder)
    if folder.is_file():
        raise UserError(f"{folder} is a file.", "a new or an empty folder", "name one")
    if (folder / "study.yaml").exists():
        raise UserError(
            f"{folder / 'study.yaml'} is already there.",
            "a folder without one",
            "name another folder, or edit the file",
        )
    written = []
    for name, text in (("study.yaml", STUDY), ("notes.md", NOTES), (".gitignore", IGNORED)):
        if not (folder / name).exists():
            files.write_text(folder / name, text)
            written.append(str(folder / name))
    for name in ("data", "runs"):
        (folder / name).mkdir(exist_ok=True)
    if options.json:
        print(json.dumps({"files": written}))
    else:
        print("\n".join(written))
        print(f"Put your rows into {folder / 'data'}, then: cd {folder} && luthier compare study.yaml")
    return DONE
