"""Who is hostile walks through all that it can reach, and is answered no every time.

An end user of one instance; the superuser of one instance, who also runs code under its uid; and a
stranger with an account on the host. docs/explanation/security.md is the map of this walk.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.house.caller import Caller, Json
from tests.house.intruder import attempt, everything_under
from tests.house.manager import Manager, running_manager
from tests.house.test_access import mint, sign_up

NOTES = Path(__file__).resolve().parents[2] / "docs" / "examples" / "notes"
TOKEN = "the token of the API"
OPERATOR = ("operator@example.com", "the operator's password")
NOBODY = 65_534
by_uid = pytest.mark.skipif(os.geteuid() != 0, reason="changing the uid takes root")


@pytest.fixture(scope="module")
def house() -> Iterator[Manager]:
    """Return a manager with everything that keeps users apart, and two of them."""
    settings: dict[str, object] = {
        "api_token": TOKEN,
        "superuser_email": OPERATOR[0],
        "superuser_password": OPERATOR[1],
        "template_path": NOTES,
    }
    if os.geteuid() == 0:
        settings |= {"isolation": "uid", "memory_limit_mib": 512, "cpu_weight": 100}
    with running_manager(**settings) as running:
        running.root.chmod(0o711)
        for user_id in ("ann", "ben", "cat"):
            running.api.run(user_id)
        running.api.call("DELETE", "/api/users/cat/pb")
        yield running


def ask(instance: Json, method: str, path: str, token: str = "", **content: Any) -> int:
    """Ask a PocketBase, and return the status of its answer. The path is sent as it stands."""
    request = requests.Request(method, instance["url"], headers={"Authorization": token}, **content)
    prepared = request.prepare()
    prepared.url = instance["url"] + path
    with requests.Session() as session:
        session.trust_env = False
        return session.send(prepared, timeout=10).status_code


def sql(instance: Json, token: str, query: str) -> int:
    return ask(instance, "POST", "/api/sql", token, json={"query": query})


# What only the manager, or only one user, may have.


def of_the_manager(house: Manager) -> list[Path]:
    """All files of the manager's own, and the directories that hold them."""
    control = house.layout.control
    shared = {control, control / "nursery"}
    public = [path for name in PUBLIC for path in everything_under(control / name)]
    return [path for path in everything_under(control) if path not in shared | {*public}]


def foreign(house: Manager, user_id: str) -> list[tuple[str, str]]:
    """What a process that is no other user's may try on the manager and on one user."""
    instance, control = house.api.instance(user_id), house.layout.control
    data = everything_under(Path(instance["db_path"]))
    tries = [(verb, str(path)) for path in data for verb in ("read", "write", "replace")]
    tries += [
        ("attach", f"{instance['db_path']}/data.db"),
        ("attach", str(control / "registry.db")),
    ]
    tries += [(verb, str(path)) for path in of_the_manager(house) for verb in ("read", "write")]
    tries += [("write", str(path)) for path in everything_under(control / "templates")]
    changeable = [*everything_under(control / "bin"), *everything_under(control / "migrations")]
    tries += [(verb, str(path)) for path in changeable for verb in WRITE]
    tries += [("write", str(house.layout.root)), ("read", str(house.layout.root))]
    tries += [("connect", str(house.settings.run_path / name)) for name in SOCKETS]
    for pid in (house.pid, instance["pid"]):
        tries += [("read", f"/proc/{pid}/{name}") for name in ("environ", "mem", "maps", "fd")]
        tries.append(("kill", str(pid)))
    return tries


PUBLIC = ("bin", "templates", "migrations")
"""What the processes of all users read, by name where they know one."""
WRITE = ("write", "replace")
SOCKETS = ("commands.sock", "events.sock")


def all_no(got: dict[str, str]) -> bool:
    yes = [what for what, answer in got.items() if answer == "yes"]
    assert yes == []
    return len(got) > 20


@by_uid
def test_a_stranger_on_the_host_reaches_no_file_socket_or_process(house: Manager) -> None:
    """An account of its own gets nothing of the manager's, of a user's or of their processes'."""
    assert all_no(attempt(NOBODY, foreign(house, "ann")))


@by_uid
def test_code_in_one_instance_reaches_nothing_of_the_manager_or_of_another(house: Manager) -> None:
    """Whoever runs code under a user's uid gets nothing of anybody else, nor out of its limits."""
    pid = house.api.instance("ann")["pid"]
    uid = Path(f"/proc/{pid}").stat().st_uid
    groups = [
        Path(f"/sys/fs/cgroup/{tree}{line.rpartition(':')[2]}")
        for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines()
        for tree in (line.split(":")[1], ".")
    ]
    limits = [
        ("write", str(folder / name))
        for folder in groups
        for name in ("cgroup.procs", "memory.max", "memory.limit_in_bytes", "cpu.shares")
        if (folder / name).exists()
    ]
    assert all_no(attempt(uid, [*foreign(house, "ben"), *limits]))
    own = f"{house.api.instance('ann')['db_path']}/data.db"
    assert attempt(uid, [("attach", own)]) == {f"attach {own}": "yes"}  # it can, where it may


@by_uid
def test_a_superuser_gets_no_further_by_its_sql_console(house: Manager) -> None:
    """``ATTACH`` and ``VACUUM INTO`` stop at its own directory; the own database goes on."""
    ann, ben = house.api.instance("ann"), house.api.instance("ben")
    token = mint(house, "ann")["token"]
    for path in (f"{ben['db_path']}/data.db", house.layout.registry, "/etc/shadow"):
        assert sql(ann, token, f"attach database '{path}' as other") == 400, path
    for folder in (house.layout.root, house.layout.control, ben["db_path"], "/etc", "/root"):
        assert sql(ann, token, f"vacuum into '{folder}/stolen.db'") == 400, folder
        assert not Path(folder, "stolen.db").exists()
    assert sql(ann, token, "select load_extension('/lib/x86_64-linux-gnu/libc.so.6')") == 400
    assert sql(ann, token, "select 1") == 200


def test_a_superuser_is_nobody_at_another_instance(house: Manager) -> None:
    """No token of one instance, superuser's or user's, is worth anything at the other."""
    ben = house.api.instance("ben")
    stolen = mint(house, "ann")["token"]
    for path in ("/api/settings", "/api/backups", "/api/logs", "/api/collections"):
        assert ask(ben, "GET", path, stolen) in (401, 403), path
    assert sql(ben, stolen, "select 1") in (401, 403)
    assert ask(ben, "POST", "/api/collections/_superusers/impersonate/pblmservice0001", stolen) in (
        401,
        403,
    )


def test_nobody_becomes_a_superuser(house: Manager) -> None:
    """Not by signing up, not by guessing, not by the installer, whose token is nowhere."""
    ann = house.api.instance("ann")
    superusers = "/api/collections/_superusers"
    new = {"email": "x@example.com", "password": "12345678", "passwordConfirm": "12345678"}
    assert ask(ann, "POST", f"{superusers}/records", json=new) == 403
    assert ask(ann, "GET", f"{superusers}/records") == 403
    for password in ("!", "", "12345678", TOKEN):
        login = {"identity": "service@pblm.invalid", "password": password}
        assert ask(ann, "POST", f"{superusers}/auth-with-password", json=login) == 400
    everything = house.log.read_text() + "".join(
        path.read_text(errors="replace")
        for path in (house.layout.control / "logs").iterdir()
        if path.is_file()
    )
    assert "pbinstall" not in everything


def test_an_end_user_stays_within_the_rules_of_its_instance(house: Manager) -> None:
    """Another's notes, the superuser's calls, files outside, other instances, the manager: no."""
    ann, ben = house.api.instance("ann"), house.api.instance("ben")
    superuser = mint(house, "ann")["token"]
    owner, hostile = (sign_up(ann, superuser, f"{name}@example.com") for name in ("good", "evil"))
    note = {"title": "private", "owner": owner}
    owners = mint(house, "ann", collection="users", record_id=owner)["token"]
    token = mint(house, "ann", collection="users", record_id=hostile)["token"]
    assert ask(ann, "POST", "/api/collections/notes/records", owners, json=note) == 200

    url = f"{ann['url']}/api/collections/notes/records"
    seen = requests.get(url, headers={"Authorization": token}, timeout=10).json()
    assert seen["items"] == []
    assert ask(ann, "POST", "/api/collections/notes/records", token, json=note) in (400, 403)
    for path in ("/api/settings", "/api/backups", "/api/logs", "/api/collections", "/api/crons"):
        assert ask(ann, "GET", path, token) == 403, path
    assert sql(ann, token, "select 1") == 403
    for path in ("/../data.db", "/..%2f..%2fdata.db", "/%2e%2e/data.db"):
        assert ask(ann, "GET", path, token) == 404, path
        assert ask(ann, "GET", f"/api/files/users/{hostile}{path}", token) == 404, path
    assert ask(ben, "GET", "/api/collections/users/records", token) in (200, 401, 403)
    listed = requests.get(
        f"{ben['url']}/api/collections/users/records", headers={"Authorization": token}, timeout=10
    )
    assert listed.json().get("items", []) == []
    assert manager_says(house, {"Authorization": f"Bearer {token}"}) == {401}


def manager_says(house: Manager, headers: dict[str, str]) -> set[int]:
    """Return the statuses with which the API answers all its calls to somebody with ``headers``."""
    described = Caller(house.settings.api_port).call("GET", "/openapi.json").json()
    said = set()
    for path, methods in described["paths"].items():
        if path.startswith("/api/"):
            for method in methods:
                url = house.api.url + re.sub(r"\{\w+\}", "ann", path)
                answer = requests.request(method.upper(), url, headers=headers, timeout=10)
                said.add(answer.status_code)
    return said


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": "", "Origin": "http://127.0.0.1"},
        {"Host": "localhost", "X-Forwarded-For": "127.0.0.1"},
    ],
    ids=str,
)
def test_the_api_knows_nobody_without_the_token(house: Manager, headers: dict[str, str]) -> None:
    """Every call under ``/api/`` is refused, whatever else is sent with it."""
    assert manager_says(house, headers) == {401}


def test_no_secret_is_where_others_can_look(house: Manager) -> None:
    """No command line has one; no PocketBase has one of the manager's in its environment."""
    secrets = [TOKEN.encode(), OPERATOR[1].encode()]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes()
        except OSError:
            continue
        assert not any(secret in words for secret in secrets), process
    for user_id in ("ann", "ben"):
        pid = house.api.instance(user_id)["pid"]
        environ = Path(f"/proc/{pid}/environ").read_bytes()
        assert not any(secret in environ for secret in secrets)
        names = {word.partition(b"=")[0] for word in environ.split(b"\0") if word}
        assert names == {b"PATH", b"HOME", b"TZ", b"GODEBUG", b"GOGC", b"PBLM_BOOTSTRAP"}
    told = json.dumps(house.api.instances()) + house.log.read_text()
    assert not any(secret.decode() in told for secret in secrets)
