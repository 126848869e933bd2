"""nginx and Caddy as the door, with the configurations of the how-to, before real instances."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from bus.states import Status
from tests.house.manager import Manager, running_manager
from tests.house.public import DOMAIN, Public, certified
from tests.house.surroundings import PATIENCE, eventually
from tests.ports import free_ports

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
OLDEST_CADDY = (2, 11)
"""Older ones lose what was sent to an instance that had just fallen asleep."""
NGINX_AROUND = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    include {folder}/pblm.conf;
}}
"""
CROWD = 12
FAR = "127.0.0.9"
LONG_S = "_%C5%BFuperuser%C5%BF/auth-with-password"
"""U+017F, which PocketBase takes for an s."""


def adapted(example: str, changes: dict[str, str]) -> str:
    """Return an example with what is different here; everything named must be in it."""
    text = (EXAMPLES / example).read_text()
    for there, here in changes.items():
        assert there in text, there
        text = text.replace(there, here)
    return text


def find(program: str) -> str | None:
    """Return it, from the distribution or from beside our own Python."""
    beside = str(Path(sys.executable).parent)
    return shutil.which(program) or shutil.which(program, path=beside)


def nginx(folder: Path, port: int, wake_port: int) -> list[str]:
    """Write nginx's configuration; return its command."""
    binary = find("nginx")
    if binary is None:
        pytest.skip("there is no nginx here")
    changes = {
        "listen 443 ssl http2": f"listen 127.0.0.1:{port} ssl http2",
        r"pb\.example\.com": DOMAIN.replace(".", r"\."),
        "/etc/ssl/pb.example.com.pem": f"{folder}/door.pem",
        "/etc/ssl/pb.example.com.key": f"{folder}/door.pem",
        "127.0.0.1:3001": f"127.0.0.1:{wake_port}",
        "/var/cache/nginx/pblm": f"{folder}/cache",
    }
    (folder / "pblm.conf").write_text(adapted("nginx/pblm.conf", changes))
    (folder / "nginx.conf").write_text(NGINX_AROUND.format(folder=folder))
    if os.geteuid() == 0:  # its workers are somebody else then
        folder.chmod(0o755)
    return [binary, "-e", f"{folder}/nginx.log", "-c", f"{folder}/nginx.conf"]


def caddy(folder: Path, port: int, wake_port: int) -> list[str]:
    """Write Caddy's configuration; return its command."""
    binary = find("caddy")
    if binary is None:
        pytest.skip("there is no Caddy here")
    said = subprocess.run([binary, "version"], capture_output=True, text=True, check=True).stdout
    version = tuple(int(each) for each in said.lstrip("v").split()[0].split(".")[:2])
    if version < OLDEST_CADDY:
        pytest.skip(f"the Caddy here is {said}")
    changes = {
        "{\n\ton_demand_tls": f"{{\n\tadmin off\n\tauto_https disable_redirects\n"
        f"\tskip_install_trust\n\thttps_port {port}\n\tdefault_bind 127.0.0.1\n\ton_demand_tls",
        "https:// {": f"https://:{port} {{",
        "\t\ton_demand\n": "\t\ton_demand\n\t\tissuer internal\n",
        r"pb\.example\.com": DOMAIN.replace(".", r"\."),
        "127.0.0.1:3001": f"127.0.0.1:{wake_port}",
    }
    (folder / "Caddyfile").write_text(adapted("caddy/Caddyfile", changes))
    return [binary, "run", "--config", f"{folder}/Caddyfile", "--adapter", "caddyfile"]


@contextmanager
def running(command: list[str], folder: Path, port: int, public: Public) -> Iterator[None]:
    """Run somebody's own door."""
    environ = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "PATH": os.environ["PATH"]}
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(command, env=environ, cwd=folder, stdout=output, stderr=output)
        try:
            eventually(
                lambda: process.poll() is not None or public.is_open(), "it listens or has ended"
            )
            assert process.poll() is None, (folder / "output").read_text()
            yield
        finally:
            process.terminate()
            process.wait(PATIENCE)


@pytest.fixture(scope="module", params=[nginx, caddy], ids=["nginx", "caddy"])
def public(request: pytest.FixtureRequest) -> Iterator[Public]:
    """Return a manager behind a door that is not its own."""
    with certified() as (folder, trust):
        wake_port, port = free_ports(1), free_ports(1)
        command = request.param(folder, port, wake_port)
        settings = {"wake_port": wake_port, "domain": DOMAIN, "template_path": folder}
        with running_manager(**settings) as manager:
            public = Public(manager, trust, port)
            with running(command, folder, port, public):
                if request.param is caddy:
                    trust_caddy(manager, public, folder)
                yield public


def trust_caddy(manager: Manager, public: Public, folder: Path) -> None:
    """Trust the authority that Caddy makes for itself."""
    root = folder / "caddy" / "pki" / "authorities" / "local" / "root.crt"
    eventually(root.exists, "Caddy has an authority")
    public.trust.load_verify_locations(root)


def put_to_sleep(public: Public, user: str) -> None:
    """Have it sleep, once nobody holds a connection to it any more."""
    path = f"/api/users/{user}/sleep"
    eventually(lambda: public.manager.api.call("POST", path).status_code == 200, "it sleeps")


def test_each_host_is_one_user(public: Public) -> None:
    """Awake, asleep or nobody; and the address that the manager tells is the one that works."""
    instance = public.manager.api.run("ann")
    assert instance["public_url"] == f"https://ann.{DOMAIN}"
    lies = {"X-Forwarded-For": "1.2.3.4", "Forwarded": "for=1.2.3.4", "X-PB-Port": "1"}
    status, told = public.visitor("ann", FAR).ask("GET", "/who", headers=lies)
    assert (status, told) == (
        200,
        {"forwarded": [FAR], "scheme": ["https"], "standard": [], "ip": FAR},
    )
    put_to_sleep(public, "ann")
    assert public.ask("ann")[0] == 200


def test_who_is_nobody_is_not_there(public: Public) -> None:
    """Unknown: 404, or no certificate to begin with."""
    public.manager.api.run("ann")
    visitor = public.visitor("ann")
    headers = {"Host": f"nobody.{DOMAIN}"}
    assert visitor.ask("GET", "/api/health", headers=headers)[0] in (404, 421)
    wake = f"http://127.0.0.1:{public.manager.settings.wake_port}/tls-ask"
    for host, status in ((f"ann.{DOMAIN}", 200), (f"no.{DOMAIN}", 403), ("ann.evil.test", 403)):
        answer = requests.get(wake, params={"domain": host}, timeout=PATIENCE)
        assert answer.status_code == status, host


def test_a_crowd_wakes_it_once(public: Public) -> None:
    """All are answered; what is sent arrives as well."""
    public.manager.api.run("crowd")
    assert public.ask("crowd")[0] == 200
    put_to_sleep(public, "crowd")
    with public.manager.listen("crowd") as listener, ThreadPoolExecutor(20) as callers:
        statuses = set(callers.map(lambda _: public.ask("crowd")[0], range(CROWD)))
        changes = listener.until_status(Status.RUNNING)
    assert statuses == {200}
    assert [change.status for change in changes] == [Status.STARTING, Status.RUNNING]
    put_to_sleep(public, "crowd")
    body, kind = b'{"note":"hello"}', {"Content-Type": "application/json"}
    posted = public.visitor("crowd").ask("POST", "/api/collections/files/records", body, kind)
    assert (posted[0], posted[1]["note"]) == (200, "hello")


def test_a_crash_is_waited_out(public: Public) -> None:
    """Whoever comes while the instance is started again is answered."""
    pid = public.manager.api.run("ann")["pid"]
    assert public.ask("ann")[0] == 200
    os.kill(pid, signal.SIGKILL)
    assert public.ask("ann")[0] == 200


def test_streams_and_superusers(public: Public) -> None:
    """An event stream begins at once; superusers do not sign in."""
    public.manager.api.run("ann")
    visitor = public.visitor("ann")
    visitor.request("GET", "/api/realtime")
    stream = visitor.getresponse()
    assert (stream.status, stream.readline()[:3]) == (200, b"id:")
    visitor.close()
    for path in ("_superusers/auth-with-password", "%5Fsuperusers/request-otp", LONG_S):
        signing_in = public.visitor("ann").ask("POST", f"/api/collections/{path}", b"{}")
        assert signing_in[0] == 403
