"""Trials on this machine, each in a process of its own.

One process loads the heavy libraries and forks a child per trial: a child starts in milliseconds, its peak memory is
its own, and a crash takes one trial down instead of the study. Where processes cannot fork, every trial starts
afresh. Talk is one JSON object a line: folders in, progress and endings out.

When the process that asked goes away, however, the children leave a checkpoint and follow.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from ..errors import UserError
from ..machine import share_cores

DONE, OUR_FAULT, USER_FAULT, STOPPED = 0, 1, 2, 130


class Workers:
    """A worker process for the length of a `with` block, started by the first trial that needs it.

    Args:
        log: file that gets whatever a trial prints or warns.
        threads: how many a trial may use; None leaves the choice to torch.
    """

    def __init__(self, log: Path, threads: int | None = None) -> None:
        self.log, self.threads = log, threads
        self._started: subprocess.Popen[str] | None = None

    def __enter__(self) -> Workers:
        return self

    def _process(self) -> subprocess.Popen[str]:
        if self._started is not None:
            return self._started
        self.log.parent.mkdir(parents=True, exist_ok=True)
        share_cores()
        environment = os.environ | {"TOKENIZERS_PARALLELISM": "false", "PYTHONIOENCODING": "utf-8"}
        if self.threads:
            environment["OMP_NUM_THREADS"] = str(self.threads)
        with self.log.open("a", encoding="utf-8") as errors:
            self._started = subprocess.Popen(
                [sys.executable, "-m", __name__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                encoding="utf-8",
                env=environment,
            )
        return self._started

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._started is None:
            return
        process = self._started
        if kind is not None:
            process.terminate()
        assert process.stdin and process.stdout, "opened with pipes"
        process.stdin.close()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()

    def run(self, folder: Path) -> Iterator[dict[str, Any]]:
        """Run the trial in `folder`; yields its progress, and last `{"exit": code}`.

        Raises:
            UserError: the trial met a fault that is the user's to mend (a full disk); the study must stop.
        """
        process = self._process()
        assert process.stdin and process.stdout, "opened with pipes"
        process.stdin.write(json.dumps(str(folder)) + "\n")
        process.stdin.flush()
        for line in process.stdout:
            event = json.loads(line)
            if "user_error" in event:
                raise UserError(*event["user_error"])
            yield event
            if "exit" in event:
                return
        yield {"exit": OUR_FAULT, "error": f"the worker process ended with {process.wait()}, see {self.log}"}


def serve() -> None:
    """The worker: reads folders from standard input until it closes."""
    _follow_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the asking process decides
    from .. import trial  # noqa: F401  (heavy: once here, inherited by every fork)

    for line in sys.stdin:
        folder = Path(json.loads(line))
        if not hasattr(os, "fork"):
            code = subprocess.run([sys.executable, "-m", __name__, str(folder)], check=False).returncode
            say({"exit": code})
            continue
        child = os.fork()
        if child == 0:
            os._exit(one(folder))
        signal.signal(signal.SIGTERM, lambda *_, child=child: os.kill(child, signal.SIGTERM))
        _, status, _usage = os.wait4(child, 0)
        code = os.waitstatus_to_exitcode(status)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        say({"exit": code} | ({"error": f"killed by {signal.Signals(-code).name}"} if code < 0 else {}))


def one(folder: Path) -> int:
    """Run one trial in this process; returns its exit code."""
    _follow_parent()
    stop: list[bool] = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(True))
    from ..trial import Interrupted, Run

    try:
        Run(folder, say, lambda: bool(stop)).whole()
    except Interrupted:
        return STOPPED
    except UserError as fault:
        say({"user_error": [fault.what, fault.possible, fault.do]})
        return USER_FAULT
    except BaseException as fault:
        traceback.print_exc()
        say({"error": f"{type(fault).__name__}: {fault}"})
        return OUR_FAULT
    return DONE


def say(event: dict[str, Any]) -> None:
    """One line to whoever asked; a closed pipe means nobody listens any more."""
    try:
        os.write(1, (json.dumps(event, ensure_ascii=True) + "\n").encode())
    except BrokenPipeError:
        os._exit(STOPPED)


def _follow_parent() -> None:
    """Ask Linux to end this process gently when its parent ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # 1: PR_SET_PDEATHSIG


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.exit(one(Path(sys.argv[1])))
    serve()
