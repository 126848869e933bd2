"""create_app: routes and middleware, nothing else."""

from __future__ import annotations

import threading
from http import HTTPStatus
from typing import Any, TypeAlias

import falcon

from api import problems
from api.access import AccessResource
from api.backups import add_backups
from api.cluster import ClusterResource
from api.dashboard.resource import DashboardResource
from api.door import DoorResource
from api.fleet import FleetResource, HealthResource
from api.guard import Guard
from api.logs import LogResource
from api.metrics import Counted, MetricsResource
from api.monitor import MonitorResource
from api.openapi.resource import OpenApiResource
from api.operations import OPERATIONS
from api.ownership import OwnershipResource
from api.probes import ProbeResource
from api.replication import ReplicationResource
from api.rollout import RolloutResource
from api.sleep import SleepResource
from api.trace import Traced
from api.users import UserResource, refuse_odd_path
from bus.client import BusClient
from bus.metrics import Metrics
from bus.settings import Settings

App: TypeAlias = falcon.App[falcon.Request, falcon.Response]

PATIENCE = 5.0
"""Seconds that a call waits beyond the time that its work is given."""
CODES = (200, 202, *sorted({*problems.HTTP_STATUS.values(), HTTPStatus.METHOD_NOT_ALLOWED}))
"""Status codes that a call may be answered with."""
MAX_WAITING = 96
"""Calls that wait for a start at the same time; the others are answered with 202 at once."""


def create_app(bus: BusClient, settings: Settings, metrics: Metrics | None = None) -> App:
    """Return the WSGI application that speaks to the manager over ``bus``."""
    metrics = metrics or Metrics()
    middleware: list[Any] = [Traced(), Counted(metrics), Guard(settings.api_token)]
    app = falcon.App(middleware=middleware)
    app.req_options.keep_blank_qs_values = True
    problems.handle(app)
    _add_calls_about_a_user(app, bus, settings, metrics)
    add_backups(app, bus, settings)
    app.add_sink(refuse_odd_path, r"/api/users/(?P<rest>.*)")
    _add_calls_about_all(app, bus, metrics)
    _add_dashboard(app, settings)
    metrics.expect_http(((each.method, each.path) for each in OPERATIONS), CODES)
    return app


def _add_calls_about_a_user(app: App, bus: BusClient, settings: Settings, metrics: Metrics) -> None:
    stop_wait = 2 * settings.stop_timeout + PATIENCE
    init_wait, waiting = settings.start_timeout + PATIENCE, threading.BoundedSemaphore(MAX_WAITING)
    users = UserResource(bus, init_wait=init_wait, stop_wait=stop_wait, waiting=waiting)
    app.add_route("/api/users/{user_id}/init_pb", users, suffix="init")
    app.add_route("/api/users/{user_id}/pb_status", users, suffix="status")
    app.add_route("/api/users/{user_id}/stop_pb", users, suffix="stop")
    sleep = SleepResource(bus, init_wait=init_wait, stop_wait=stop_wait, waiting=waiting)
    app.add_route("/api/users/{user_id}/sleep", sleep, suffix="sleep")
    app.add_route("/api/users/{user_id}/wake", sleep, suffix="wake")
    app.add_route("/api/users/{user_id}/door", DoorResource(bus), suffix="user")
    access = AccessResource(bus)
    app.add_route("/api/users/{user_id}/pb_token", access, suffix="token")
    app.add_route("/api/users/{user_id}/revoke_tokens", access, suffix="revoke")
    app.add_route("/api/users/{user_id}/metadata", access, suffix="metadata")
    ownership = OwnershipResource(bus, stop_wait=stop_wait)
    app.add_route("/api/users/{user_id}/pb", ownership, suffix="pb")
    app.add_route("/api/users/{user_id}/undelete", ownership, suffix="undelete")
    app.add_route("/api/users/{user_id}/rename", ownership, suffix="rename")
    app.add_route("/api/users/{user_id}/clone", ownership, suffix="clone")
    monitor = MonitorResource(bus)
    app.add_route("/api/users/{user_id}/usage", monitor, suffix="usage")
    app.add_route("/api/users/{user_id}/history", monitor, suffix="history")
    app.add_route("/api/users/{user_id}/logs", LogResource(bus, metrics))
    app.add_route("/api/users/{user_id}/replica", ReplicationResource(bus))


def _add_calls_about_all(app: App, bus: BusClient, metrics: Metrics) -> None:
    app.add_route("/api/fleet", MonitorResource(bus), suffix="fleet")
    app.add_route("/api/door", DoorResource(bus), suffix="all")
    app.add_route("/api/rollout", RolloutResource(bus))
    cluster = ClusterResource(bus)
    app.add_route("/api/cluster", cluster)
    app.add_route("/api/cluster/drain", cluster, suffix="drain")
    app.add_route("/api/cluster/rebalance", cluster, suffix="rebalance")
    app.add_route("/api/users/{user_id}/move", cluster, suffix="move")
    app.add_route("/api/users/{user_id}/verify", cluster, suffix="verify")
    app.add_route("/api/pb_instances", FleetResource(bus))
    app.add_route("/health/pb", HealthResource(bus))
    app.add_route("/metrics", MetricsResource(metrics))
    probes = ProbeResource(bus)
    app.add_route("/livez", probes, suffix="live")
    app.add_route("/readyz", probes, suffix="ready")
    described = OpenApiResource(OPERATIONS)
    app.add_route("/openapi.json", described, suffix="json")
    app.add_route("/docs", described, suffix="page")


def _add_dashboard(app: App, settings: Settings) -> None:
    dashboard = DashboardResource(settings)
    app.add_route("/", dashboard)
    app.add_route("/dashboard/about.json", dashboard, suffix="about")
    app.add_route("/dashboard/{part}", dashboard, suffix="file")
    app.add_route("/dashboard/{part}/{name}", dashboard, suffix="file")
