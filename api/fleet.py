"""``/api/pb_instances`` and ``/health/pb``: all instances, and the manager itself."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

import falcon
import msgspec

from api.input import read_count, read_query
from api.openapi.operation import Operation, Query, Reply
from api.openapi.schemas import REF
from api.replies import write
from bus.answers import HealthAnswer, HostHealth, InstancesAnswer
from bus.client import BusClient
from bus.errors import InvalidRequest, Unavailable
from bus.instance import Instance
from bus.requests import MAX_PAGE, ListInstances
from bus.requests import GetHealth as GetHealthRequest
from bus.states import Status

HEALTH_TIMEOUT = 2.0
"""How long the actor system may take to say that it is there, in seconds."""


_INSTANCE_OR_PART = {
    "additionalProperties": {
        "anyOf": [
            {"$ref": REF.format(name=Instance.__name__)},
            {"type": "object", "description": "With `fields`: those alone"},
        ]
    }
}


class InstancesReply(msgspec.Struct, frozen=True, kw_only=True):
    """One page of the instances."""

    instances: Annotated[Mapping[str, Any], msgspec.Meta(extra_json_schema=_INSTANCE_OR_PART)]
    count: int
    """How many are in this answer."""
    total: int
    """How many match in all."""
    next: str | None
    """What ``after`` takes for the next page; null: this is the last one."""
    unreachable_hosts: list[str] | msgspec.UnsetType = msgspec.UNSET
    """In a cluster: the hosts whose instances are not among them, as they did not answer."""


class HealthReply(msgspec.Struct, frozen=True, kw_only=True):
    """How the manager is."""

    status: Literal["ok"] = "ok"
    total_instances: int
    running_instances: int
    timestamp: datetime
    disk_free_bytes: int
    disk_low: bool
    fenced: str | msgspec.UnsetType | None = msgspec.UNSET
    """In a cluster: why this host is not in it now, and runs nobody; null: it is."""
    hosts: dict[str, HostHealth] | msgspec.UnsetType = msgspec.UNSET
    """In a cluster: each host by itself; the rest is of all that answer together."""
    unreachable_hosts: list[str] | msgspec.UnsetType = msgspec.UNSET
    """In a cluster: those that did not answer."""


class UnavailableReply(msgspec.Struct, frozen=True, kw_only=True):
    """The actor system does not answer."""

    status: Literal["unavailable"] = "unavailable"
    message: str


BACKUPS = frozenset({"last_backup", "last_proven_backup"})
"""Fields that are told only where one of them is named."""


class FleetResource:
    """The list of instances."""

    def __init__(self, bus: BusClient) -> None:
        self._bus = bus

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """``GET /api/pb_instances?status=&limit=&after=&fields=``."""
        query = read_query(req, {"status", "limit", "after", "fields"})
        fields = _fields(query.get("fields"))
        request = ListInstances(
            status=_status(query.get("status")),
            limit=read_count(query, "limit", default=1_000, least=1, most=MAX_PAGE),
            after=query.get("after", ""),
            usage=fields is not None and "usage" in fields,
            metadata=fields is not None and "metadata" in fields,
            backups=fields is not None and not BACKUPS.isdisjoint(fields),
        )
        answer = self._bus.ask(request, InstancesAnswer)
        write(
            resp,
            InstancesReply(
                instances=_only(answer.instances, fields),
                count=len(answer.instances),
                total=answer.total,
                next=answer.next,
                unreachable_hosts=answer.unreachable_hosts,
            ),
        )


class HealthResource:
    """Whether the manager works."""

    def __init__(self, bus: BusClient) -> None:
        self._bus = bus

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """``GET /health/pb``."""
        read_query(req)
        try:
            answer = self._bus.ask(GetHealthRequest(), HealthAnswer, timeout=HEALTH_TIMEOUT)
        except Unavailable as error:
            resp.status = falcon.HTTP_503
            resp.set_header("Retry-After", "1")
            write(resp, UnavailableReply(message=error.message))
            return
        write(
            resp,
            HealthReply(
                total_instances=answer.total_instances,
                running_instances=answer.running_instances,
                timestamp=answer.at,
                disk_free_bytes=answer.disk_free_bytes,
                disk_low=answer.disk_low,
                fenced=answer.fenced,
                hosts=answer.hosts,
                unreachable_hosts=answer.unreachable_hosts,
            ),
        )


def _status(text: str | None) -> Status | None:
    if text is None or text == "":
        return None
    try:
        return Status(text)
    except ValueError:
        raise InvalidRequest(f"status={text!r}: takes one of {', '.join(Status)}") from None


def _fields(text: str | None) -> list[str] | None:
    """Return the fields that the caller wants; None: those that an instance has by itself."""
    if text is None:
        return None
    fields = text.split(",")
    unknown = [name for name in fields if name not in Instance.__struct_fields__]
    if unknown:
        raise InvalidRequest(
            f"fields={text!r}: {unknown[0]!r} is none; takes names out of "
            f"{','.join(Instance.__struct_fields__)}"
        )
    return fields


def _only(instances: Mapping[str, Instance], fields: list[str] | None) -> Mapping[str, Any]:
    if fields is None:
        return instances
    return {key: _part(one, fields) for key, one in instances.items()}


def _part(one: Instance, fields: list[str]) -> Mapping[str, Any]:
    told = {name: getattr(one, name) for name in fields}
    return {name: value for name, value in told.items() if value is not msgspec.UNSET}


OPERATIONS = (
    Operation(
        call="GET /api/pb_instances",
        summary="List the instances, in the order of their user ids",
        group="Instances",
        query={
            "status": Query(type=Status, meaning="Only those with this status"),
            "limit": Query(
                type=Annotated[int, msgspec.Meta(ge=1, le=MAX_PAGE)],
                meaning="How many at most",
                default=1_000,
            ),
            "after": Query(type=str, meaning="Only user ids after this one: `next` of the answer"),
            "fields": Query(
                type=Annotated[str, msgspec.Meta(min_length=1)],
                meaning="Which fields of each instance to tell, with commas between; `usage`, "
                "`metadata`, `last_backup` and `last_proven_backup` are told only where named here",
            ),
        },
        replies={200: Reply(what="A page of them", body=InstancesReply)},
    ),
    Operation(
        call="GET /health/pb",
        summary="Tell how the manager is",
        group="Manager",
        replies={
            200: Reply(what="It works", body=HealthReply),
            503: Reply(
                what="The actor system does not answer",
                body=UnavailableReply,
                headers={"Retry-After": "After how many seconds to ask again"},
            ),
        },
    ),
)
