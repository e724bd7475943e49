"""Judge the claims of a document in several processes.

Each worker understands the document by itself, which is deterministic, and judges one claim at a
time; what travels is the number of a claim and its judgement. A worker that dies costs its own
claim only, and one that does not keep to the limits is ended.
"""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import pickle
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess

from derive.judgement.judge import TIME, Judge
from derive.judgement.verdict import Judgement, Limits
from derive.meaning.claims import Claim, Meaning
from derive.meaning.scope import understand
from derive.reading.statements import Document

PATIENCE = 5.0
"""Seconds beyond the limit of a claim after which its worker is taken to hang."""
STARTING = 600.0
"""Seconds in which a worker must have understood the document."""
BARREN = 3
"""How many workers may die before their first claim until no more are started."""

Answer = tuple[int, Judgement | Exception | None, int | None]
"""A claim's number, what came of it, and which of its readings was proved."""
READY: Answer = (-1, None, None)
"""Sent by a worker once it can begin."""
Threshold = tuple[int, int, int]


def judge_in_parallel(
    meaning: Meaning,
    judge: Judge,
    jobs: int,
    progress: Callable[[int, int], None] | None = None,
    method: str | None = None,
) -> list[Judgement]:
    """The judgement of each claim, in document order, as one process would give it.

    `method` is a start method of processes. Raises what the first claim raised that did not get
    a judgement, a SoundnessError.
    """
    context = multiprocessing.get_context(method or _method())
    count = len(meaning.claims)
    crew = _Crew(meaning, judge, context)
    try:
        for _ in range(min(jobs, count)):
            crew.hire()
        for done in crew.run():
            if progress:
                progress(done, count)
    finally:
        crew.dismiss()
    lost = Judgement("undecided", reason=crew.lost)
    return [crew.outcomes.get(number, lost) for number in range(count)]


def _method() -> str:
    """Forking is quick, and safe while there is no other thread."""
    if sys.platform == "linux" and threading.active_count() == 1:
        return "fork"
    return "spawn"


@dataclass
class _Worker:
    """A process, our end of its pipe, the claim it judges and when it must be done with it."""

    process: BaseProcess
    pipe: Connection
    claim: int | None
    deadline: float


@dataclass
class _Crew:
    """The workers on one document, and what they found; `lost` says how the last one died."""

    meaning: Meaning
    judge: Judge
    context: BaseContext
    outcomes: dict[int, Judgement] = field(default_factory=dict)
    _workers: list[_Worker] = field(default_factory=list)
    lost: str = ""
    _next: int = 0
    _barren: int = 0
    _failures: dict[int, Exception] = field(default_factory=dict)

    def hire(self) -> None:
        """Start one more worker."""
        ours, theirs = self.context.Pipe()
        given = (theirs, self.meaning.document, self.judge.limits, self.judge.repairs)
        process: BaseProcess = self.context.Process(  # type: ignore[attr-defined]
            target=_work, args=(*given, gc.get_threshold()), daemon=True
        )
        with _uninterrupted():
            process.start()
        theirs.close()
        self._workers.append(_Worker(process, ours, None, time.monotonic() + STARTING))

    def run(self) -> Iterator[int]:
        """Judge everything; yields the number of claims judged so far."""
        while self._workers:
            nearest = min(worker.deadline for worker in self._workers)
            pipes: list[Connection] = [worker.pipe for worker in self._workers]
            ready = wait(pipes, max(0.0, nearest - time.monotonic()))
            for worker in list(self._workers):
                if worker.pipe in ready:
                    self._hear(worker)
                elif time.monotonic() > worker.deadline:
                    self._lose(worker, TIME)
            yield len(self.outcomes)
        if self._failures:
            raise self._failures[min(self._failures)]

    def dismiss(self) -> None:
        """End every worker at once."""
        for worker in self._workers:
            worker.process.kill()
        for worker in self._workers:
            worker.process.join()
            worker.pipe.close()
        self._workers.clear()

    def _hear(self, worker: _Worker) -> None:
        try:
            number, outcome, proved = worker.pipe.recv()
        except (EOFError, OSError):
            worker.process.join()
            self._lose(worker, f"the process that judged it ended early{_why(worker.process)}")
            return
        if isinstance(outcome, Exception):
            self._failures[number] = outcome
        elif outcome is not None:
            readings = self.meaning.claims[number].readings
            found = None if proved is None else readings[proved]
            self.outcomes[number] = replace(outcome, proved_as=found)
        self._hand_out(worker)

    def _hand_out(self, worker: _Worker) -> None:
        """Give the worker the next claim, or let it go; after a failure there is no next one."""
        if self._failures or self._next == len(self.meaning.claims):
            self._let_go(worker)
            return
        worker.claim, self._next = self._next, self._next + 1
        worker.deadline = time.monotonic() + self.judge.limits.seconds + PATIENCE
        with contextlib.suppress(OSError):  # where it died, the end of its pipe is heard next
            worker.pipe.send(worker.claim)

    def _lose(self, worker: _Worker, reason: str) -> None:
        """A worker died or hangs: its claim is undecided, and another one takes its place."""
        self._let_go(worker)
        self.lost = reason
        if worker.claim is None:
            self._barren += 1
        else:
            self.outcomes[worker.claim] = Judgement("undecided", reason=reason)
        more = self._next < len(self.meaning.claims) and not self._failures
        if more and self._barren < BARREN:
            self.hire()

    def _let_go(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        worker.process.kill()
        worker.process.join()
        worker.pipe.close()


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Processes started in the body never see an interrupt: they inherit that it is blocked."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _why(process: BaseProcess) -> str:
    code = process.exitcode
    if code is None or code >= 0:
        return f" with exit code {code}"
    name = signal.Signals(-code).name
    memory = ", perhaps for want of memory" if name == "SIGKILL" else ""
    return f" by {name}{memory}"


# ---- in the worker ------------------------------------------------------------------------------


def _work(
    pipe: Connection, document: Document, limits: Limits, repairs: bool, gc_threshold: Threshold
) -> None:
    """Judge the claims whose numbers come in until the pipe ends. Interrupts are the parent's."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.set_threshold(*gc_threshold)
    claims, judge = understand(document).claims, Judge(limits, repairs)
    pipe.send(READY)
    while True:
        try:
            number = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            pipe.send(_answer(number, claims[number], judge))
        except OSError:
            return


def _answer(number: int, claim: Claim, judge: Judge) -> Answer:
    try:
        judgement = judge.judge(claim)
    except Exception as error:
        return number, _portable(error), None
    proved = None
    for place, reading in enumerate(claim.readings):
        if reading is judgement.proved_as:
            proved = place
    return number, replace(judgement, proved_as=None), proved


def _portable(error: Exception) -> Exception:
    """The error as it can travel, with the lines where it was raised."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        error = RuntimeError(repr(error))
    error.add_note(traceback.format_exc())
    return error
