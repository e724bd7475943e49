"""Stop work that does not look at the clock by itself, such as the factoring of a polynomial."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

AGAIN = 0.2
"""Seconds after which the alarm rings again, where a library caught the first one."""
GRACE = 0.25
"""Seconds that work gets to notice its deadline by itself before the alarm rings."""


class OutOfTime(BaseException):
    """The alarm rang. No error of the family: nothing on the way may take it for a verdict."""


@contextmanager
def alarm(seconds: float) -> Iterator[None]:
    """Raise OutOfTime in the body a moment after `seconds` have passed.

    The deadlines that the work itself keeps come first. Without a timer of the system, outside
    the main thread, or where somebody else uses that timer, they are the only ones.
    """
    if not _free():
        yield
        return
    ringing = True

    def ring(number: int, frame: FrameType | None) -> None:
        if ringing:
            raise OutOfTime

    previous = signal.signal(signal.SIGALRM, ring)
    try:
        signal.setitimer(signal.ITIMER_REAL, max(0.0, seconds) + GRACE, AGAIN)
        yield
    finally:
        ringing = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def _free() -> bool:
    """Whether this thread may use the timer, and nobody does."""
    return (
        hasattr(signal, "setitimer")
        and threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGALRM) is signal.SIG_DFL
        and signal.getitimer(signal.ITIMER_REAL)[0] == 0
    )
