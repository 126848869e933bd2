"""A door as it stands in public: TLS, a domain, low limits. And callers who come from far away."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import trustme

from tests.house.manager import Manager, running_manager
from tests.house.surroundings import PATIENCE, eventually
from tests.ports import free_ports

DOMAIN = "pb.test"
REQUESTS, CONNECTIONS, WAKES, BODY_MIB = 40, 6, 10, 64
"""The limits of the door, so low that they are reached."""
MIGRATION = """
migrate((app) => app.save(new Collection({
  type: "base", name: "files", listRule: "", viewRule: "", createRule: "",
  fields: [{ type: "file", name: "file", maxSize: 70000000 }, { type: "text", name: "note" }],
})), (app) => {})
"""
HOOK = """
routerAdd("GET", "/who", (e) => {
  const given = (name) => e.request.header.values(name)
  return e.json(200, {
    forwarded: given("X-Forwarded-For"), scheme: given("X-Forwarded-Proto"),
    standard: given("Forwarded"), ip: e.realIP(),
  })
})
"""


class Visitor(http.client.HTTPSConnection):
    """Somebody who comes from an address of loopback, to one user's host, by TLS."""

    def __init__(self, user: str, port: int, trust: ssl.SSLContext, source: str) -> None:
        super().__init__(f"{user}.{DOMAIN}", port, timeout=PATIENCE)
        self._trust = trust
        self._source = source

    def connect(self) -> None:
        """Connect to loopback, whatever the name says."""
        plain = socket.create_connection(("127.0.0.1", self.port), PATIENCE, (self._source, 0))
        self.sock = self._trust.wrap_socket(plain, server_hostname=self.host)

    def ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        """Return status and JSON of the answer."""
        self.request(method, path, body, headers or {})
        answer = self.getresponse()
        return answer.status, json.loads(answer.read() or "null")


class Public:
    """A manager behind a public door, which listens on ``port``."""

    def __init__(self, manager: Manager, trust: ssl.SSLContext, port: int) -> None:
        self.manager = manager
        self.trust = trust
        self.port = port

    def visitor(self, user: str, source: str = "127.0.0.1") -> Visitor:
        """Return somebody who comes from ``source`` to the user's instance."""
        return Visitor(user, self.port, self.trust, source)

    def ask(
        self, user: str, path: str = "/api/health", source: str = "127.0.0.1"
    ) -> tuple[int, Any]:
        """Ask once, over a connection of its own."""
        visitor = self.visitor(user, source)
        try:
            return visitor.ask("GET", path)
        finally:
            visitor.close()

    def is_open(self) -> bool:
        """Whether somebody listens at the door."""
        with socket.socket() as caller:
            return caller.connect_ex(("127.0.0.1", self.port)) == 0


@contextmanager
def certified() -> Iterator[tuple[Path, ssl.SSLContext]]:
    """Return a directory with ``door.pem``, for all hosts of the domain, and who trusts that.

    It can be a template too: each instance has a collection of files, and tells who calls it.
    """
    authority = trustme.CA()
    trust = ssl.create_default_context()
    trust.set_alpn_protocols(["http/1.1"])
    authority.configure_trust(trust)
    with tempfile.TemporaryDirectory(prefix="pblm-public-") as name:
        folder = Path(name)
        issued = authority.issue_cert(f"*.{DOMAIN}").private_key_and_cert_chain_pem
        issued.write_to_path(str(folder / "door.pem"))
        for file, text in (("pb_migrations/1_files.js", MIGRATION), ("pb_hooks/who.pb.js", HOOK)):
            (folder / file).parent.mkdir()
            (folder / file).write_text(text)
        yield folder, trust


@contextmanager
def public_manager() -> Iterator[Public]:
    """Start a manager with HAProxy as its door."""
    with certified() as (folder, trust):
        settings = {
            "door": "haproxy",
            "domain": DOMAIN,
            "door_port": free_ports(1),
            "door_certificate": folder / "door.pem",
            "door_requests": REQUESTS,
            "door_connections": CONNECTIONS,
            "door_wakes": WAKES,
            "door_body_mib": BODY_MIB,
            "template_path": folder,
        }
        with running_manager(**settings) as manager:
            public = Public(manager, trust, manager.settings.door_port)
            eventually(public.is_open, "the door is open")
            yield public
