"""Trials on this machine, each in a process of its own.

One process loads the heavy libraries and forks a child per trial: a child starts in milliseconds, its peak memory is
its own, and a crash takes one trial down instead of the study. Several may run beside each other. Where processes
cannot fork, every trial starts afresh, one after the other. Talk is one JSON object a line: folders in, progress and
endings out.

When the process that asked goes away, however, the children leave a checkpoint and follow.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from ..errors import UserError
from ..machine import share_cores

DONE, OUR_FAULT, USER_FAULT, STOPPED = 0, 1, 2, 130
ASKED, TOLD = 0, 1
"""Where a worker reads folders and writes events."""
PIECE = 1 << 16
"""Bytes read at a time."""


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

    def run(
        self, folders: Sequence[Path], at_once: int = 1, after: Mapping[Path, Path] | None = None
    ) -> Iterator[tuple[Path, dict[str, Any]]]:
        """Run the trials in `folders`, begun in this order, so many beside each other.

        Args:
            after: a trial -> another one of `folders` that must have ended before it begins.

        Yields:
            (folder, progress), and last for each folder (folder, {"exit": code}).

        Raises:
            UserError: a trial met a fault that is the user's to mend (a full disk); the study must stop.
        """
        waiting, running = list(folders), set[Path]()
        while waiting or running:
            held = {*waiting, *running}
            free = [f for f in waiting if (after or {}).get(f) not in held][: at_once - len(running)]
            for folder in free:
                self._begin(folder)
                waiting.remove(folder)
                running.add(folder)
            for folder, event in self._next(running):
                if "user_error" in event:
                    raise UserError(*event["user_error"])
                if "exit" in event:
                    running.remove(folder)
                yield folder, event

    def _begin(self, folder: Path) -> None:
        process = self._process()
        assert process.stdin, "opened with pipes"
        pass_on((json.dumps(str(folder)) + "\n").encode(), process.stdin.fileno())  # where it is gone, `_next` says so

    def _next(self, running: set[Path]) -> list[tuple[Path, dict[str, Any]]]:
        """The next event; the end of all that run, where the worker itself ended."""
        process = self._process()
        assert process.stdout, "opened with pipes"
        if line := process.stdout.readline():
            event = json.loads(line)
            return [(Path(event.pop("folder")), event)]
        ended = {"exit": OUR_FAULT, "error": f"the worker process ended with {process.wait()}, see {self.log}"}
        self._started = None  # what still waits gets another one
        return [(folder, dict(ended)) for folder in running]


class Child:
    """A trial in a process of its own, as the worker that forked it sees it.

    Attributes:
        ear: where its events arrive; at its end when the child is.
    """

    def __init__(self, folder: str) -> None:
        self.folder, self._rest = folder, b""
        self.ear, mouth = os.pipe()
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # not lost between fork and the child's handler
        self.process = os.fork()
        if self.process == 0:
            os._exit(one(Path(folder), mouth))
        os.close(mouth)

    def hear(self) -> bool:
        """Pass on what it said; False where it is over, and that is passed on too."""
        said = os.read(self.ear, PIECE)
        whole, end, self._rest = (self._rest + said).rpartition(b"\n")  # two children must not share a line
        pass_on(whole + end)
        if said:
            return True
        os.close(self.ear)
        _, status = os.waitpid(self.process, 0)
        code = os.waitstatus_to_exitcode(status)
        killed = {"error": f"killed by {signal.Signals(-code).name}"} if code < 0 else {}
        say({"folder": self.folder, "exit": code} | killed)
        return False


def serve() -> None:
    """The worker: reads folders from standard input until it closes, and waits for its children."""
    _follow_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the asking process decides
    from .. import trial  # noqa: F401  (heavy: once here, inherited by every fork)

    if not hasattr(os, "fork"):
        for line in sys.stdin:
            folder = json.loads(line)
            code = subprocess.run([sys.executable, "-m", __name__, folder], check=False).returncode
            say({"folder": folder, "exit": code})
        return
    children: dict[int, Child] = {}
    signal.signal(signal.SIGTERM, lambda *_: [os.kill(c.process, signal.SIGTERM) for c in children.values()])
    listening, rest = [ASKED], b""
    while listening or children:
        for heard in select.select([*listening, *children], [], [])[0]:
            if heard != ASKED:
                if not children[heard].hear():
                    del children[heard]
                continue
            said = os.read(ASKED, PIECE)
            listening = [ASKED] if said else []
            *folders, rest = (rest + said).split(b"\n")
            for folder in folders:
                child = Child(json.loads(folder))
                children[child.ear] = child
                signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


def one(folder: Path, mouth: int = TOLD) -> int:
    """Run one trial in this process, telling its progress to `mouth`; returns its exit code."""
    _follow_parent()
    stop: list[bool] = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(True))
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    from ..trial import Interrupted, Run

    def tell(event: dict[str, Any]) -> None:
        if not say({"folder": str(folder)} | event, mouth):
            stop.append(True)

    try:
        Run(folder, tell, lambda: bool(stop)).whole()
    except Interrupted:
        return STOPPED
    except UserError as fault:
        tell({"user_error": [fault.what, fault.possible, fault.do]})
        return USER_FAULT
    except BaseException as fault:
        traceback.print_exc()
        tell({"error": f"{type(fault).__name__}: {fault}"})
        return OUR_FAULT
    return DONE


def say(event: dict[str, Any], mouth: int = TOLD) -> bool:
    """One line to whoever asked; False where nobody listens any more."""
    return pass_on((json.dumps(event, ensure_ascii=True) + "\n").encode(), mouth)


def pass_on(said: bytes, mouth: int = TOLD) -> bool:
    try:
        while said:
            said = said[os.write(mouth, said) :]
    except BrokenPipeError:
        return False
    return True


def _follow_parent() -> None:
    """Ask Linux to end this process gently when its parent ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # 1: PR_SET_PDEATHSIG


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.exit(one(Path(sys.argv[1]), TOLD))
    serve()
