"""Logs: how the manager's own lines are written, for people or for programs."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

import msgspec

from bus import trace

CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), 127)} | {10: "\\n", 13: "\\r", 9: "\\t"}
"""Control characters, and how they are written in a line."""
TEXT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"


def configure(form: str) -> None:
    """Write what is logged to standard error, as ``text`` or ``json``, from ``INFO`` on."""
    handler = logging.StreamHandler()
    handler.addFilter(_add_request_id)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter(TEXT))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    _ask_for_nothing_more()


def _ask_for_nothing_more() -> None:
    """Have the caller, the thread and the process not looked up: no line has them.

    (https://docs.python.org/3/howto/logging.html#optimization)
    """
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


def fields(**fields: Any) -> dict[str, Any]:
    """Return what to log as ``extra``: members of the JSON line beside its message."""
    return {"fields": fields}


class TextFormatter(logging.Formatter):
    """A line for people; the request that it belongs to stands at its end."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (logging's name)
        """Return the line."""
        # What callers and PocketBase wrote must not begin a line of its own.
        line = super().formatMessage(record).translate(CONTROLS)
        request_id = _members(record).get("request_id")
        return f"{line} [{request_id}]" if request_id else line


class JsonFormatter(logging.Formatter):
    """One JSON object on one line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **_members(record),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line, enc_hook=str).decode()


def _add_request_id(record: logging.LogRecord) -> bool:
    members = {"request_id": trace.request_id(), **getattr(record, "fields", {})}
    record.members = {name: value for name, value in members.items() if value not in (None, "")}
    return True


def _members(record: logging.LogRecord) -> dict[str, Any]:
    members: dict[str, Any] = getattr(record, "members", {})
    return members
