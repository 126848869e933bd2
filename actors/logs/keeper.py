"""LogKeeper: bounds the files that the instances write to, and reads them out."""

from __future__ import annotations

import logging
import uuid
from collections import Counter
from concurrent.futures import Executor, ThreadPoolExecutor

import msgspec
import pykka

from actors.capability import Capability
from actors.facts import Asked, Reply
from actors.logs import files
from actors.logs.reading import MAX_TEXT, last_lines, told, whole_lines
from actors.services import Services
from actors.telling import tell
from bus.answers import Answer, ErrorAnswer, LogAnswer
from bus.errors import InstanceIOError, InternalError, NotFound, PblmError, Unavailable
from bus.requests import ReadLog

ROTATION = 5.0
"""Seconds between two looks at the sizes of the files."""
POLL = 0.25
"""Seconds between two looks at a file from which somebody waits for more."""
MAX_WAITING = 64
"""Requests that may wait for something to be written."""
MIB = 1024 * 1024

log = logging.getLogger(__name__)


class RotationDue(msgspec.Struct, frozen=True, kw_only=True):
    """It is time to look at the sizes."""


class Rotated(msgspec.Struct, frozen=True, kw_only=True):
    """They were looked at."""


class NothingYet(msgspec.Struct, frozen=True, kw_only=True):
    """There was nothing to tell, and whoever asked waits on, until ``deadline``."""

    request: ReadLog
    reply: Reply
    deadline: float


class LookDue(msgspec.Struct, frozen=True, kw_only=True):
    """It is time to look again for those who wait."""


class LogKeeper(pykka.ThreadingActor):
    """Decides what is read and rotated when; a thread of its own, one job at a time, does it."""

    def __init__(self, services: Services, pool: Executor) -> None:
        super().__init__()
        self._services = services
        self._pool = pool
        self._waiting: list[NothingYet] = []
        self._life = uuid.uuid4().hex[:8]
        self._cut: Counter[str] = Counter()
        """By how many bytes each user's positions have become less: only the pool's thread."""

    def on_receive(self, message: object) -> None:
        """Take a request, or the news that something is due or done."""
        match message:
            case Asked(request=ReadLog() as request, reply=reply):
                self._begin(request, reply)
            case NothingYet():
                self._waiting.append(message)
                if len(self._waiting) == 1:
                    self._later(POLL, LookDue())
            case LookDue():
                for each in self._waiting:
                    self._pool.submit(self._answer, each.request, each.reply, each.deadline)
                self._waiting.clear()
            case RotationDue():
                self._pool.submit(self._rotate)
            case Rotated():
                self._later(ROTATION, RotationDue())
            case _:
                log.error("log keeper: not understood: %r", message)

    def _begin(self, request: ReadLog, reply: Reply) -> None:
        if request.wait_seconds and len(self._waiting) >= MAX_WAITING:
            error = Unavailable(f"{MAX_WAITING} others wait for logs already", retry_after=5)
            reply(ErrorAnswer.of(error))
            return
        deadline = self._services.clock.monotonic() + request.wait_seconds
        self._pool.submit(self._answer, request, reply, deadline)

    def _answer(self, request: ReadLog, reply: Reply, deadline: float) -> None:
        answer = self._read_or_refuse(request)
        waits = self._services.clock.monotonic() < deadline
        if waits and isinstance(answer, LogAnswer) and not answer.text:
            request = msgspec.structs.replace(request, cursor=answer.cursor)
            tell(self.actor_ref, NothingYet(request=request, reply=reply, deadline=deadline))
        else:
            reply(answer)

    def _read_or_refuse(self, request: ReadLog) -> Answer:
        try:
            return self._read(request)
        except PblmError as error:
            return ErrorAnswer.of(error)
        except OSError as error:
            return ErrorAnswer.of(InstanceIOError(f"IO error: cannot read the log: {error}"))
        except Exception as bug:
            log.exception("log keeper: a bug")
            return ErrorAnswer.of(InternalError(f"The request failed by a bug: {bug!r}"))

    def _read(self, request: ReadLog) -> LogAnswer:
        user_id = request.user_id
        record = self._services.store.get(user_id)
        if record is None:
            raise NotFound(f"No PocketBase instance for user {user_id}")
        path = self._services.layout.log(user_id)
        after = self._position(user_id, request.cursor)
        asked = files.end(path) - MAX_TEXT if after is None else after
        start, data = files.read(path, asked, MAX_TEXT)
        if record.pid is not None:
            data = whole_lines(data)
        shown = data
        if after is None:
            shown = last_lines(data, request.lines, begun_in_line=start == asked)
        cursor = f"{self._life}:{start + len(data) + self._cut[user_id]}"
        return LogAnswer(user_id=user_id, text=told(shown), cursor=cursor)

    def _position(self, user_id: str, cursor: str | None) -> int | None:
        """Return the position that a cursor of ours means now; None when it is not ours."""
        life, _, number = (cursor or "").partition(":")
        if life != self._life or not number.isdecimal():
            return None
        return int(number) - self._cut[user_id]

    def _rotate(self) -> None:
        settings = self._services.settings
        for record in self._services.store.records():
            process = record.process and self._services.processes.find(record.process)
            if not process:
                continue
            try:
                self._cut[record.user_id] += process.rotate_log(
                    largest=settings.instance_log_mib * MIB, parts=settings.instance_log_parts
                )
            except OSError as error:
                log.error("%s: its log cannot be rotated: %s", record.user_id, error)
            except Exception:
                log.exception("%s: its log cannot be rotated", record.user_id)
        tell(self.actor_ref, Rotated())

    def _later(self, delay: float, fact: object) -> None:
        self._services.clock.call_later(delay, lambda: tell(self.actor_ref, fact))


def log_keeper(services: Services) -> Capability:
    """Start the log keeper."""
    pool = ThreadPoolExecutor(1, thread_name_prefix="logs")
    actor = LogKeeper.start(services, pool)
    actor.tell(RotationDue())

    def close() -> None:
        actor.stop()
        pool.shutdown(cancel_futures=True)

    return Capability(owner=actor, requests=(ReadLog,), close=close)
