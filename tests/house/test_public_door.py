"""The public door before real instances: TLS, uploads, event streams, addresses, limits."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.house.public import CONNECTIONS, DOMAIN, REQUESTS, WAKES, Public, Visitor, public_manager

UPLOAD = 50 * 1024 * 1024
FAR = "127.0.0.9"
"""An address that is none of the manager's own."""


@pytest.fixture(scope="module")
def public() -> Iterator[Public]:
    """Return a manager behind its public door."""
    with public_manager() as running:
        yield running


def peak_memory(public: Public) -> int:
    """Return the most memory that HAProxy has ever had, in bytes."""
    remembered = (public.manager.settings.door_path / "door.json").read_bytes()
    status = Path(f"/proc/{msgspec.json.decode(remembered)['pid']}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024


def begin_stream(visitor: Visitor) -> tuple[int, str]:
    """Ask for the stream of events; return the status, and the client's id in it."""
    visitor.request("GET", "/api/realtime")
    answer = visitor.getresponse()
    if answer.status != 200:
        return answer.status, ""
    event = b""
    while not event.startswith(b"data:"):
        event = answer.readline()
    return 200, str(json.loads(event.removeprefix(b"data:"))["clientId"])


def test_one_certificate_for_all_users(public: Public) -> None:
    """HAProxy ends TLS for whatever host of the domain, and speaks HTTP/2 with those who can."""
    public.manager.api.run("ann")
    public.trust.set_alpn_protocols(["h2", "http/1.1"])
    try:
        visitor = public.visitor("ann")
        visitor.connect()
        assert visitor.sock.selected_alpn_protocol() == "h2"
        visitor.close()
    finally:
        public.trust.set_alpn_protocols(["http/1.1"])
    assert public.ask("ann")[0] == 200
    assert public.ask("nobody", source="127.0.0.2")[0] == 404


def test_the_callers_address_is_told_once(public: Public) -> None:
    """Whatever the caller claims: PocketBase sees the address that it comes from, and only that."""
    public.manager.api.run("ann")
    lies = {"X-Forwarded-For": "127.0.0.1, 10.0.0.1", "Forwarded": "for=127.0.0.1"}
    status, told = public.visitor("ann", FAR).ask("GET", "/who", headers=lies)
    assert (status, told) == (
        200,
        {"forwarded": [FAR], "scheme": ["https"], "standard": [], "ip": FAR},
    )


def test_superusers_are_known_by_their_address(public: Public) -> None:
    """A superuser's token is worth nothing from afar: PocketBase's own list of addresses holds."""
    port = public.manager.api.run("ann")["port"]
    token = public.manager.api.call("POST", "/api/users/ann/pb_token").json()["token"]
    here = {"Authorization": token}
    status, told = public.visitor("ann", FAR).ask("GET", "/api/settings", headers=here)
    assert (status, told["status"]) == (403, 403)
    near = public.visitor("ann").ask("GET", "/api/health", headers=here)[1]["data"]
    assert (near["realIP"], port > 0) == ("127.0.0.1", True)


def test_an_upload_passes_through_without_being_kept(public: Public) -> None:
    """Fifty megabytes get to a sleeping user's database, and HAProxy holds none of them."""
    public.manager.api.run("loader")
    assert public.manager.api.call("POST", "/api/users/loader/sleep").status_code == 200
    before = peak_memory(public)
    head = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="big.bin"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n"
    )
    body = head + bytes(UPLOAD) + b"\r\n--x--\r\n"
    visitor = public.visitor("loader", "127.0.0.3")
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    status, record = visitor.ask("POST", "/api/collections/files/records", body, kind)
    assert (status, record["file"][:3]) == (200, "big")
    assert peak_memory(public) - before < UPLOAD / 5
    visitor.request("GET", f"/api/files/files/{record['id']}/{record['file']}")
    assert len(visitor.getresponse().read()) == UPLOAD
    too_much = {"Content-Length": str(65 * 1024 * 1024)} | kind
    assert public.visitor("loader").ask("POST", "/api/x", headers=too_much)[0] == 413


def test_events_are_not_held_back(public: Public) -> None:
    """An event is there as soon as it is sent: nothing waits in a buffer of the door."""
    public.manager.api.run("stream")
    stream, writer = public.visitor("stream"), public.visitor("stream")
    stream.request("GET", "/api/realtime")
    events = stream.getresponse()
    while not (line := events.readline()).startswith(b"data:"):
        pass
    client = json.loads(line.removeprefix(b"data:"))["clientId"]
    wanted = json.dumps({"clientId": client, "subscriptions": ["files/*"]})
    kind = {"Content-Type": "application/json"}
    assert writer.ask("POST", "/api/realtime", wanted, kind)[0] == 204
    waits = []
    for note in map(str, range(5)):
        body = json.dumps({"note": note})
        began = time.perf_counter()
        assert writer.ask("POST", "/api/collections/files/records", body, kind)[0] == 200
        while not (line := events.readline()).startswith(b"data:"):
            pass
        waits.append(time.perf_counter() - began)
        assert json.loads(line.removeprefix(b"data:"))["record"]["note"] == note
    assert min(waits) < 0.1, "the kernel holds events for up to 200 ms if it is let"
    stream.close()
    writer.close()


def test_one_user_has_one_users_share(public: Public) -> None:
    """Too many requests for one user are refused; the others do not notice."""
    for user in ("loud", "quiet"):
        public.manager.api.run(user)
    visitor = public.visitor("loud")
    answers = Counter(visitor.ask("GET", "/api/health")[0] for _ in range(REQUESTS + 20))
    assert answers[200] >= REQUESTS
    assert answers[429] > 0
    assert {public.ask("quiet")[0] for _ in range(5)} == {200}


def test_one_user_has_so_many_streams(public: Public) -> None:
    """Open streams count as long as they are open."""
    for user in ("streams", "other"):
        public.manager.api.run(user)
    visitors = [public.visitor("streams") for _ in range(CONNECTIONS + 1)]
    assert [begin_stream(visitor)[0] for visitor in visitors] == [200] * CONNECTIONS + [429]
    assert public.ask("other")[0] == 200
    for visitor in visitors:
        visitor.close()


def test_one_caller_may_wake_so_many(public: Public) -> None:
    """Whoever tries names is refused soon; awake users are there for that caller, too."""
    public.manager.api.run("ann")
    visitor = public.visitor("guess", "127.0.0.4")
    hosts = [{"Host": f"guess{number}.{DOMAIN}"} for number in range(WAKES + 3)]
    tried = Counter(visitor.ask("GET", "/", headers=host)[0] for host in hosts)
    assert tried[404] >= WAKES
    assert tried[429] > 0
    assert public.ask("ann", source="127.0.0.4")[0] == 200
    assert public.ask("guess", source="127.0.0.5")[0] == 404


def test_who_is_unknown_is_no_work_for_the_manager(public: Public) -> None:
    """A name that is nobody's is answered by the door alone, while it remembers."""
    assert public.ask("ghost", source="127.0.0.6")[0] == 404
    os.kill(public.manager.pid, signal.SIGSTOP)
    try:
        assert public.ask("ghost", source="127.0.0.6")[0] == 404
    finally:
        os.kill(public.manager.pid, signal.SIGCONT)


def test_a_host_of_another_domain_is_nobodys(public: Public) -> None:
    """Who asks for another host over the same connection does not get the instance."""
    public.manager.api.run("ann")
    for host in (f"ann.{DOMAIN}.evil.test", f"ann.x{DOMAIN}", DOMAIN, f".{DOMAIN}", "ann"):
        status, _ = public.visitor("ann").ask("GET", "/api/health", headers={"Host": host})
        assert status == 404, host
