"""HAProxy's configuration, from the settings.

The order of the rules is what makes sleep free of races: a request is counted (``track-sc0``)
before its route is looked up. So when a route has been taken away, whoever had found it has been
counted, and whoever has not asks to have the instance woken.
"""

from __future__ import annotations

import resource
from itertools import pairwise

from actors.layout import LOOPBACK
from bus.door import BOUNDS
from bus.settings import Settings

MAP, HOSTS = "users.map", "hosts.map"
SOCKET, WAKE_SOCKET, SCRIPT = "door.sock", "wake.sock", "wake.lua"
"""The files in the door's directory, which HAProxy runs in."""
REMEMBERED = 600
"""Seconds for which the activity of a user is remembered: it is read every few seconds."""
UNKNOWN_FOR = 5
"""Seconds for which a label that is nobody's is answered without asking the manager."""
WAITED = len(BOUNDS) + 1
"""The counter, behind those of the latencies, of the requests that found nobody awake."""
STORED = f"conn_cur,http_req_cnt,http_req_rate(10s),http_err_cnt,http_fail_cnt,gpc({WAITED + 1})"
"""What is counted of each user."""
MOST_CONNECTIONS = 10_000
SUPERUSERS = r"(_(s|\xC5\xBF)uperuser(s|\xC5\xBF)|pbc_3142635823)"
"""The collection of the superusers, by its name and by its id, the same in every PocketBase.

PocketBase ignores case as Unicode has it, where the long s (U+017F) is an s, too.
"""

_GLOBAL = """\
global
    stats socket unix@{socket} mode 600 level admin
    lua-load-per-thread {script}
    tune.lua.session-timeout 60s
    tune.bufsize 16384
    maxconn {maxconn}
    hard-stop-after 10s
{account}"""
_DEFAULTS = """
defaults
    mode http
    # longer than PocketBase's own five minutes, for the streams of realtime
    timeout client 6m
    timeout server 6m
    timeout http-request 10s
    timeout http-keep-alive 60s
    # a refused connection is tried again for three seconds: as long as a restart takes
    timeout connect 100ms
    retries 30
    retry-on conn-failure empty-response
    # else the kernel holds each event back for up to 200 ms
    option http-no-delay
    # else a stream that its caller has closed counts until PocketBase closes it
    option abortonclose
    http-error status 502 content-type application/json string '{broken}'
    http-error status 503 content-type application/json string '{away}' hdr Retry-After 1
"""
_TABLES = """
backend activity
    stick-table type string len 63 size 100k expire {remembered}s store {stored}
backend sources
    stick-table type ipv6 size 100k expire 1m store gpc0,gpc0_rate(10s)
backend unknown
    stick-table type string len 63 size 100k expire {unknown}s store gpc0
"""
_FRONTEND = """
frontend door
    bind {bind}
    http-request set-var(txn.host) req.hdr(host),field(1,:),lower
    http-request set-var(txn.label) var(txn.host),regsub([.]{domain}$,)
    acl user_host var(txn.host) -m end .{plain_domain}
    acl user_host_2 var(txn.label) -m reg ^[a-z0-9][a-z0-9-]{{0,62}}$
    {absent} unless user_host user_host_2
    http-request track-sc0 var(txn.label) table activity
    http-request set-var(txn.began) date(0,us)
    {busy} if {{ sc_http_req_rate(0) gt {requests} }}
    {busy} if {{ sc_conn_cur(0) gt {connections} }}
    {large} if {{ req.hdr_val(content-length) gt {body} }}
{superusers}    http-request del-header X-Forwarded-For
    http-request del-header Forwarded
    http-request set-header X-Forwarded-For %[src]
    http-request set-header X-Forwarded-Proto {scheme}
{route}    acl asleep var(txn.port) -m int 0
    {absent} if asleep {{ var(txn.label),table_gpc0(unknown) gt 0 }}
    http-request track-sc1 src table sources if asleep
    http-request sc-inc-gpc0(1) if asleep
    {busy} if asleep {{ sc_gpc0_rate(1) gt {wakes} }}
    http-request sc-inc-gpc({waited},0) if asleep
    http-request lua.wake if asleep
    http-request track-sc2 var(txn.label) table unknown if {{ var(txn.refused) -m int 404 }}
    http-request sc-inc-gpc0(2) if {{ var(txn.refused) -m int 404 }}
    {absent} if {{ var(txn.refused) -m int 404 }}
    {later} if {{ var(txn.refused) -m found }}
{bounds}    http-response set-var(txn.took) date(0,us),sub(txn.began)
{latencies}    default_backend instances

backend instances
    http-request set-dst {address}
    http-request set-dst-port var(txn.port)
    # what may have been carried out is never repeated
    http-request disable-l7-retry unless {{ method GET HEAD OPTIONS }}
    server instance 0.0.0.0:0 pool-purge-delay 2s
"""


_ROUTE = """\
    http-request set-var(txn.port) var(txn.label),map_str_int({map},0)
"""
_ROUTE_OF_HOSTS = """\
    http-request set-var(txn.route) var(txn.label),map_str({map},{here}/0)
    http-request set-var(txn.address) var(txn.route),field(1,/)
    http-request set-var(txn.port) var(txn.route),field(2,/),add(0)
"""
"""In a cluster a row of the map has the address of a host too; one look-up finds both."""
_BOUNDS = """\
    http-request set-var(txn.ports) var(txn.address),map_ip({hosts},1/0)
    http-request set-var(txn.first) var(txn.ports),field(1,/),add(0)
    http-request set-var(txn.last) var(txn.ports),field(2,/),add(0)
    acl from_the_first var(txn.port),sub(txn.first) ge 0
    acl to_the_last var(txn.last),sub(txn.port) ge 0
    {nowhere} unless from_the_first to_the_last
"""
"""Whatever a row, or the manager, says: only instances of hosts that are there are gone to.

Where anything of it is missing, the answer is no. An unknown address has the empty range 1 to 0.
"""


def configuration(settings: Settings) -> str:
    """Return the whole file."""
    secure, clustered = settings.door_certificate is not None, bool(settings.cluster_etcd)
    nowhere = _answer(503, "The instance is on no host that is known.", again="5")
    bind = f"{_host(settings.door_host)}:{settings.door_port}"
    if secure:
        bind += f" ssl crt {_quoted(str(settings.door_certificate))} alpn h2,http/1.1"
    return (
        _GLOBAL.format(
            socket=SOCKET, script=SCRIPT, maxconn=_most_connections(), account=_account(settings)
        )
        + _DEFAULTS.format(
            broken=_body(502, "The instance ended before it answered."),
            away=_body(503, "The instance does not answer just now."),
        )
        + _TABLES.format(remembered=REMEMBERED, unknown=UNKNOWN_FOR, stored=STORED)
        + _FRONTEND.format(
            bind=bind,
            domain=settings.domain.replace(".", "[.]"),
            plain_domain=settings.domain,
            route=(_ROUTE_OF_HOSTS if clustered else _ROUTE).format(map=MAP, here=LOOPBACK),
            bounds=_BOUNDS.format(hosts=HOSTS, nowhere=nowhere) if clustered else "",
            address="var(txn.address)" if clustered else f"ipv4({LOOPBACK})",
            requests=settings.door_requests,
            connections=settings.door_connections,
            wakes=settings.door_wakes,
            body=settings.door_body_mib * 1024 * 1024,
            scheme="https" if secure else "http",
            superusers=_superusers(settings),
            waited=WAITED,
            latencies=_latencies(),
            absent=_answer(404, "There is no such instance."),
            busy=_answer(429, "Too many requests.", again="10"),
            large=_answer(413, "The body is too large."),
            later=_answer(503, "The instance cannot be started now.", again="%[var(txn.again)]"),
        )
    )


def _latencies() -> str:
    """Count each answer where its time belongs: in microseconds, from the request to its head."""
    edges = [0, *(round(1_000_000 * bound) for bound in BOUNDS)]
    ranges = [*(f"{low}:{high - 1}" for low, high in pairwise(edges)), f"{edges[-1]}:"]
    rule = "    http-response sc-inc-gpc({},0) if {{ var(txn.took) -m int {} }}\n"
    return "".join(rule.format(number, took) for number, took in enumerate(ranges))


def _account(settings: Settings) -> str:
    """Have it become somebody else, once it listens."""
    if settings.door_account is None:
        return ""
    uid, gid = settings.door_account
    return f"    uid {uid}\n    gid {gid}\n"


def _superusers(settings: Settings) -> str:
    """Refuse the ways in which a superuser signs in, however the path is written."""
    if settings.door_superusers == "allow":
        return ""
    path = f"^/+api/+collections/+{SUPERUSERS}/+(auth-|request-|confirm-|impersonate)"
    return (
        f"    acl superuser path,url_dec,url_dec -m reg -i {_quoted(path)}\n"
        f"    {_answer(403, 'Superusers do not sign in here.')} if superuser\n"
    )


def _answer(status: int, message: str, *, again: str | None = None) -> str:
    """Return the rule that answers in PocketBase's shape."""
    header = "" if again is None else f" hdr Retry-After {again}"
    answer = f"http-request return status {status} content-type application/json"
    return f"{answer} string '{_body(status, message)}'{header}"


def _body(status: int, message: str) -> str:
    return f'{{"code":{status},"message":"{message}","data":{{}}}}'


def _most_connections() -> int:
    """Each connection takes two files; HAProxy refuses to start when they may not suffice."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(100, min(MOST_CONNECTIONS, (soft - 200) // 2))


def _host(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
