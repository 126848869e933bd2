"""``pblm token``, ``revoke-tokens`` and ``metadata``: what an app needs beside an instance."""

from __future__ import annotations

import sys
from typing import Any

import click
import msgspec

from api.cli.command import command, json_option, user_argument
from api.cli.manager import manager
from api.cli.output import tell, tell_json
from bus.answers import MetadataAnswer, RevokedAnswer, TokenAnswer
from bus.errors import InvalidRequest
from bus.requests import MAX_TOKEN_SECONDS, GetMetadata, MintToken, PutMetadata, RevokeTokens


@command()
@user_argument
@click.option("--collection", default="_superusers", show_default=True, help="An auth collection.")
@click.option("--record", "record_id", help="Whose token: an id in it. Else the manager's own.")
@click.option(
    "--seconds",
    type=click.IntRange(1, MAX_TOKEN_SECONDS),
    default=600,
    show_default=True,
    help="How long it is good for.",
)
@json_option
def token(
    user_id: str, collection: str, record_id: str | None, seconds: int, as_json: bool
) -> None:
    """Print a token for a user's own PocketBase."""
    if record_id is None and collection != "_superusers":
        raise click.UsageError("--record is needed for a collection other than _superusers.")
    request = MintToken(
        user_id=user_id, collection=collection, record_id=record_id, seconds=seconds
    )
    with manager() as bus:
        answer = bus.ask(request, TokenAnswer)
    if as_json:
        tell_json(answer.told())
    else:
        tell(answer.token)


@command("revoke-tokens")
@user_argument
@json_option
def revoke_tokens(user_id: str, as_json: bool) -> None:
    """Make every token of a user's PocketBase worthless, at once."""
    with manager() as bus:
        answer = bus.ask(RevokeTokens(user_id=user_id), RevokedAnswer)
    if as_json:
        tell_json({"user_id": user_id, "records": answer.records})
    else:
        tell(f"all tokens of {answer.records} records are worthless now")


@command()
@user_argument
@click.option("--set", "text", metavar="JSON", help="Put this object there instead; - reads it.")
def metadata(user_id: str, text: str | None) -> None:
    """Print the JSON object that the app has put beside a user's instance."""
    request = GetMetadata(user_id=user_id) if text is None else _put(user_id, text)
    with manager() as bus:
        tell_json(bus.ask(request, MetadataAnswer).metadata)


def _put(user_id: str, text: str) -> PutMetadata:
    if text == "-":
        text = sys.stdin.read()
    try:
        value = msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeError) as error:
        raise InvalidRequest(f"--set takes a JSON object: {error}") from error
    return PutMetadata(user_id=user_id, metadata=value)
