"""Readiness: from the moment in which a process was started to that in which it serves.

PocketBase says that it has begun in the very moment in which it listens, so its log is watched and
it is asked at once. It is asked now and then as well: a log may say nothing.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterator

from actors.clock import LoopClock
from actors.probe import Place, Question, Questions
from actors.process import ManagedProcess
from actors.written import Written

Ready = Callable[[], None]
Look = Callable[[], Ready | None]
Pauses = tuple[tuple[float, int], ...]

WATCHED_PAUSE = 0.1
"""Seconds between looks at a starting instance whose log tells when there is something to see."""
UNWATCHED: Pauses = ((0.008, 1), (0.001, 40), (0.002, 200))
"""Where no log can be watched: seconds between looks, how often, before the last pause is taken.
No PocketBase starts in less than the first."""
LAST_PAUSE = 0.025
"""Also how long one that answers and is not ready yet gets to become so."""
READY_TIMEOUT = 3.0
"""How long a starting instance gets for its first answer, in seconds, before it is asked anew."""

log = logging.getLogger(__name__)


class Readiness:
    """Waits for one process. All of it happens on the clock's thread, but for the ``look``."""

    def __init__(
        self,
        clock: LoopClock,
        questions: Questions,
        process: ManagedProcess,
        place: Place,
        *,
        is_ours: Callable[[], bool],
        look: Look | None,
        run: Callable[[Callable[[], None]], None],
        ready: Ready,
    ) -> None:
        """``ready`` is called once the process answers and ``is_ours``; never if it exits before.

        Where there is a ``look``, what it returns is called instead, or it is asked again. It may
        take time, so ``run`` has it done elsewhere.
        """
        self._clock = clock
        self._questions = questions
        self._process = process
        self._place = place
        self._is_ours = is_ours
        self._look = look
        self._run = run
        self._ready = ready
        self._pauses: Iterator[float] = pauses(UNWATCHED)
        self._stop_watching: Callable[[], None] = lambda: None
        self._over = self._looking = self._ours = self._well = False
        self._question: Question | None = None
        self._found: Ready | None = None

    def begin(self, written: Written | None) -> None:
        """Wait from now on, told of what the process writes if anybody can tell."""
        if written is not None:
            try:
                self._stop_watching = written.watch(self._process.log, self._ask)
                self._pauses = itertools.repeat(WATCHED_PAUSE)
            except OSError as error:
                log.debug("%s is not watched: %s", self._process.log, error)
        self._clock.call_later(next(self._pauses), self._tick)

    def _tick(self) -> None:
        self._ask()
        if not self._over:
            self._clock.call_later(next(self._pauses), self._tick)

    def _ask(self) -> None:
        """Ask, unless it is being asked; meanwhile look whether it is ours."""
        if self._over or self._question is not None or self._looking:
            return
        if self._process.exited:
            self._end()
            return
        self._question = question = self._questions.new(self._place, READY_TIMEOUT, self._answered)
        question.ask(b"GET")
        if not question.waits:
            return
        self._ours = self._look_whether_ours()
        if self._ours and self._look is not None:
            self._looking = True
            self._run(self._look_closely)

    def _look_whether_ours(self) -> bool:
        try:
            return self._is_ours()
        except OSError as error:  # no files left: it may pass
            log.warning("port %d: it cannot be seen who listens: %s", self._place[1], error)
            return False

    def _look_closely(self) -> None:
        """Look, in another thread, and tell the clock's."""
        assert self._look is not None
        found: Ready | None = None
        try:
            found = self._look()
        except Exception:
            log.exception("pid %d", self._process.pid)
        self._clock.post(lambda: self._looked(found))

    def _looked(self, found: Ready | None) -> None:
        self._looking = False
        self._found = found
        self._conclude()

    def _answered(self, error: Exception | None) -> None:
        self._question = None
        self._well = error is None
        self._conclude()

    def _conclude(self) -> None:
        """Once all is known: it is ready, or it is asked again."""
        if self._question is not None or self._looking or self._over:
            return
        ready = self._ready if self._look is None else self._found
        if self._process.exited:  # whoever starts another one waits for that
            self._end()
        elif self._well and self._ours and ready is not None:
            self._end()
            ready()
        elif self._well:
            self._clock.call_later(LAST_PAUSE, self._ask)

    def _end(self) -> None:
        self._over = True
        self._stop_watching()


def pauses(kind: Pauses) -> Iterator[float]:
    """Yield how long to wait before each look at a starting instance, in seconds."""
    for pause, times in kind:
        yield from itertools.repeat(pause, times)
    yield from itertools.repeat(LAST_PAUSE)
