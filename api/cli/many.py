"""The same for many users: at the same time, with progress, and one exit status in the end."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

import click
import msgspec

from api.cli.exits import Exit, exit_of
from api.cli.output import coloured, tell, tell_error, tell_json_line
from bus.errors import PblmError
from bus.instance import Instance

AT_ONCE = 16
"""How many are asked about at the same time."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one user: a line of the JSON output."""

    user_id: str
    success: bool
    code: str | None = None
    message: str | None = None
    instance: Instance | None = None


def for_each(
    user_ids: Sequence[str], ask: Callable[[str], Instance | None], *, doing: str, as_json: bool
) -> Exit:
    """Ask about each user and tell what became of it; return the status of the first failure."""
    worst = Exit.OK
    for user_id, outcome in _with_progress(_ask_all(user_ids, ask), len(user_ids), doing):
        if isinstance(outcome, PblmError):
            worst = worst or exit_of(outcome)
        _tell(user_id, outcome, as_json)
    return worst


def _ask_all(
    user_ids: Sequence[str], ask: Callable[[str], Instance | None]
) -> Iterator[tuple[str, Instance | PblmError | None]]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        asked = {pool.submit(ask, user_id): user_id for user_id in dict.fromkeys(user_ids)}
        try:
            for future in as_completed(asked):
                error = future.exception()
                if error is not None and not isinstance(error, PblmError):
                    raise error
                yield asked[future], error or future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _with_progress(
    outcomes: Iterator[tuple[str, Instance | PblmError | None]], count: int, doing: str
) -> Iterator[tuple[str, Instance | PblmError | None]]:
    if not sys.stderr.isatty():
        yield from outcomes
        return
    with click.progressbar(
        outcomes, length=count, label=doing, show_pos=True, file=sys.stderr
    ) as bar:
        done = list(bar)
    yield from done


def _tell(user_id: str, outcome: Instance | PblmError | None, as_json: bool) -> None:
    if isinstance(outcome, PblmError):
        if as_json:
            tell_json_line(
                Outcome(
                    user_id=user_id,
                    success=False,
                    code=outcome.code,
                    message=outcome.message,
                    instance=outcome.instance,
                )
            )
        else:
            tell_error(outcome)
    elif as_json:
        tell_json_line(Outcome(user_id=user_id, success=True, instance=outcome))
    elif outcome is not None:
        tell(f"{user_id}  {coloured(outcome.status)}  {outcome.url or outcome.reason}")
