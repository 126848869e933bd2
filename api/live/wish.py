"""Wish: what a listener asks for when it connects."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import msgspec

from api.live.messages import Told
from bus.errors import InvalidRequest, NotFound
from bus.user_id import check_user_id

PATH = "/ws/status"
TAKES = ("after", "epoch", "usage", "user")


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """Whose news, and from where on."""

    user_id: str | None = None
    epoch: str = ""
    after: int | None = None
    usage: bool = False
    """Also what is measured."""

    @classmethod
    def read(cls, target: str) -> Wish:
        """Read the target of the HTTP request; raise a :class:`bus.errors.PblmError` if bad."""
        path, query = urlsplit(target).path, urlsplit(target).query
        if path != PATH:
            raise NotFound(f"No such route: {path}; the status events are at {PATH}")
        given = parse_qs(query, keep_blank_values=True)
        for name, values in given.items():
            if name not in TAKES:
                raise InvalidRequest(
                    f"Unknown query parameter {name!r}: this call takes {', '.join(TAKES)}"
                )
            if len(values) > 1:
                raise InvalidRequest(f"Query parameter {name!r} is given more than once")
        one = {name: values[0] for name, values in given.items()}
        if "user" in one:
            check_user_id(one["user"])
        if ("epoch" in one) != ("after" in one):
            raise InvalidRequest("epoch and after: give both, to go on from there, or neither")
        return cls(
            user_id=one.get("user"),
            epoch=one.get("epoch", ""),
            after=_after(one.get("after")),
            usage=_usage(one.get("usage")),
        )

    def wants(self, told: Told) -> bool:
        """Whether this listener is told ``told``."""
        mine = self.user_id is None or self.user_id in told.users
        return mine and (self.usage or not told.is_usage)


def _after(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise InvalidRequest(f"after={text!r}: takes the number of an event")
    return int(text)


def _usage(text: str | None) -> bool:
    if text not in (None, "0", "1"):
        raise InvalidRequest(f"usage={text!r}: takes 0 or 1")
    return text == "1"
