"""A study as a process of its own: it goes on when the page, the browser or the studio itself is closed.

<study>/studio/job.json   the words, the process, where its part of the log begins
<study>/studio/log.txt    what the process printed
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .. import files
from ..errors import UserError

RUNNING, DONE, STOPPED, FAILED = "running", "done", "stopped", "failed"
COMMAND = (sys.executable, "-m", "luthier.cli")
LONGEST_FAULT = 4000
BEGINNING_SECONDS = 5.0
"""How long a page waits for a refused study to say so before it calls the study begun."""


def ask(words: Sequence[str], seconds: float = 600) -> str:
    """What a short verb prints.

    Raises:
        UserError: what the verb refused, in its words.
    """
    asked = subprocess.run(
        [*COMMAND, *words], capture_output=True, text=True, encoding="utf-8", errors="replace", timeout=seconds
    )
    if asked.returncode:
        raise refused(asked.stderr, f"luthier {shlex.join(words[:2])}")
    return asked.stdout


def start(folder: Path, words: Sequence[str]) -> None:
    """Begin a study, or go on with one: `words` are those of `luthier`, without `--out` and `--resume`.

    Raises:
        UserError: it runs already, or was refused at once.
    """
    if state(folder) == RUNNING:
        raise UserError(f"The study {folder.name} runs already.", "one process for a study", "wait, or stop it first")
    log = folder / "studio" / "log.txt"
    log.parent.mkdir(parents=True, exist_ok=True)
    begins = log.stat().st_size if log.exists() else 0
    with log.open("ab") as printed:
        process = subprocess.Popen(
            [*COMMAND, *words, "--out", str(folder), "--resume"],
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=printed,
            env=os.environ | {"PYTHONIOENCODING": "utf-8", "COLUMNS": "150"},
            start_new_session=True,
        )
    threading.Thread(target=process.wait, daemon=True, name=f"waits for {folder.name}").start()
    facts = {"words": list(words), "pid": process.pid, "born": born(process.pid), "log_begins": begins, "asked": None}
    files.write_json(folder / "studio" / "job.json", facts)


def settle(folder: Path, seconds: float = BEGINNING_SECONDS) -> None:
    """Wait until a study has begun or was refused.

    Raises:
        UserError: it was refused.
    """
    until = time.monotonic() + seconds
    while time.monotonic() < until and state(folder) == RUNNING and not (folder / "study.json").exists():
        time.sleep(0.1)
    if state(folder) == FAILED and not (folder / "study.json").exists():
        raise refused(fault(folder), folder.name)


def resume(folder: Path) -> None:
    """Go on with a study that was stopped, with the words it was begun with."""
    job = _job(folder)
    if job:
        start(folder, job["words"])
        return
    words = shlex.split(files.read_json(folder / "study.json")["command"])
    if words[:2] != ["luthier", "compare"] or words[-2] != "--out":
        raise UserError(
            f"{folder.name} was not begun by luthier compare.", words[0], "go on with it where it was begun"
        )
    start(folder, words[1:-2])


def stop(folder: Path) -> None:
    """Ask a study to stop; it leaves a checkpoint first.

    Raises:
        UserError: it does not run, or was not begun by a studio.
    """
    job = _job(folder)
    if not job or state(folder) != RUNNING:
        raise UserError(f"The study {folder.name} does not run.", "a running one", "choose a study that runs")
    files.write_json(folder / "studio" / "job.json", job | {"asked": "stop"})
    os.kill(job["pid"], signal.SIGTERM)


def state(folder: Path) -> str:
    """`running`, `done`, `stopped` or `failed`."""
    job = _job(folder)
    if job and job["born"] and born(job["pid"]) == job["born"]:
        return RUNNING
    if (folder / "results.json").exists():
        return DONE
    if job and not job["asked"] and "interrupted" not in fault(folder):
        return FAILED
    return STOPPED


def fault(folder: Path) -> str:
    """What luthier said at the end of its last start; empty where it said nothing."""
    job = _job(folder)
    path = folder / "studio" / "log.txt"
    if not job or not path.exists():
        return ""
    with path.open("rb") as log:
        log.seek(job["log_begins"])
        return log.read().decode("utf-8", "replace")


def refused(printed: str, what: str) -> UserError:
    """The error that a command printed, as an error again; one that is our fault names where to look."""
    at = printed.rfind("luthier: ")
    if at < 0:
        last = next((line for line in reversed(printed.splitlines()) if line.strip()), "it ended without a word")
        return UserError(f"{what} failed: {last[:300]}", "a fault of ours", "see the study's studio/log.txt")
    said, parts = printed[at + len("luthier: ") :][:LONGEST_FAULT], {"possible": "", "do": ""}
    lines = said.strip().splitlines()
    for name in parts:
        found = next((line for line in lines if line.startswith(f"  {name}: ")), "")
        parts[name] = found.removeprefix(f"  {name}: ")
        lines = [line for line in lines if line != found]
    return UserError("\n".join(lines), parts["possible"], parts["do"])


def born(pid: int) -> str | None:
    """When a process began, in the system's own words; None where it has ended. A number alone may be reused."""
    if Path("/proc/self/stat").exists():
        try:
            fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            return None
        return None if fields[0] == "Z" else fields[19]
    asked = subprocess.run(["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    line = asked.stdout.strip()
    return None if not line or line.startswith("Z") else line.partition(" ")[2].strip()


def _job(folder: Path) -> dict[str, Any] | None:
    path = folder / "studio" / "job.json"
    return files.read_json(path) if path.exists() else None
