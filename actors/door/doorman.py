"""Doorman: whom a caller at the door means, and that it is woken."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

import pykka

from actors.capability import Capability, end
from actors.door.book import DoorBook
from actors.door.saving import memory_saved, read_door
from actors.facts import Asked, Reply
from actors.services import Services
from bus.answers import Answer, DoorAnswer, DoorUseAnswer, ErrorAnswer
from bus.errors import InternalError, NotFound, PblmError
from bus.labels import is_hashed, user_of
from bus.requests import (
    FindHost,
    GetDoor,
    GetDoorUse,
    GetInstance,
    Request,
    WakeHost,
    WakeInstance,
)
from bus.states import Status

if TYPE_CHECKING:
    from actors.door.porter import PorterDoor

log = logging.getLogger(__name__)


class Doorman(pykka.ThreadingActor):
    """Knows the users by their host labels."""

    def __init__(self, services: Services, book: DoorBook) -> None:
        super().__init__()
        self._services = services
        self._book = book

    def on_receive(self, message: object) -> None:
        """Take a request."""
        match message:
            case Asked(request=WakeHost(label=label), reply=reply):
                self._pass_on(label, lambda user_id: WakeInstance(user_id=user_id), reply)
            case Asked(request=FindHost(label=label), reply=reply):
                self._pass_on(label, lambda user_id: GetInstance(user_id=user_id), reply)
            case Asked(request=GetDoor(limit=limit), reply=reply):
                reply(self._all(limit))
            case Asked(request=GetDoorUse(user_id=user_id), reply=reply):
                reply(self._one(user_id))
            case _:
                log.error("doorman: not understood: %r", message)

    def _pass_on(self, label: str, request: Callable[[str], Request], reply: Reply) -> None:
        """Ask that about the user who is meant. A bug ends the request, not this."""
        try:
            self._services.ask(request(self._user_of(label)), reply)
        except PblmError as error:
            reply(ErrorAnswer.of(error))
        except Exception as bug:
            log.exception("doorman: a bug")
            reply(ErrorAnswer.of(InternalError(f"The request failed by a bug: {bug!r}")))

    def _all(self, limit: int) -> DoorAnswer:
        asleep = self._services.store.total(Status.HIBERNATED)
        return DoorAnswer(
            door=self._services.settings.door,
            use=self._book.all(),
            asleep=asleep,
            memory_saved_bytes=memory_saved(self._services, asleep),
            users=self._book.busiest(limit),
        )

    def _one(self, user_id: str) -> Answer:
        if self._services.store.get(user_id) is None:
            return ErrorAnswer.of(NotFound(f"No PocketBase instance for user {user_id}"))
        return DoorUseAnswer(use=self._book.use(user_id))

    def _user_of(self, label: str) -> str:
        """Return the user; raise :class:`NotFound` when it is nobody's label."""
        user_id = self._find_hashed(label) if is_hashed(label) else user_of(label)
        if user_id is None:
            raise NotFound(f"No user has the host label {label}")
        return user_id

    def _find_hashed(self, label: str) -> str | None:
        """A look-up, whether it is anybody's or not: strangers may try as many as they like."""
        user_id, directory = self._services.store.labelled(label), self._services.directory
        return directory.labelled(label) if user_id is None and directory else user_id


def _make_door(services: Services, book: DoorBook) -> PorterDoor | None:
    if services.settings.door == "none":
        return None
    from actors.door.engines import make_engine  # who has no door loads nothing of it
    from actors.door.porter import PorterDoor

    return PorterDoor(services, make_engine(services.settings, services.layout), book)


def make_doorman(services: Services) -> Capability:
    """Return the capability of waking whom a caller at the door means; with it comes the door.

    Raises :class:`SettingsError` when there is to be one and cannot.
    """
    book = DoorBook(services.metrics, services.clock.now)
    door = _make_door(services, book)
    services.routes.serve(door)
    doorman = Doorman.start(services, book)
    services.metrics.read_door(
        lambda: read_door(services, book),
        per_instance=services.settings.metrics_per_instance == "on",
    )

    def close() -> None:
        end(doorman)
        services.routes.serve(None)
        if door is not None:
            door.close()

    return Capability(
        owner=doorman,
        requests=(WakeHost, FindHost, GetDoor, GetDoorUse),
        hear=book.hear,
        close=close,
    )
