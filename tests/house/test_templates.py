"""What every instance is given: the operator's template, and the manager's own bootstrap."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.house.caller import Json
from tests.house.manager import Manager, manager_of, running_manager

NOTES = Path(__file__).resolve().parents[2] / "docs" / "examples" / "notes"
OPERATOR = ("operator@example.com", "a long password")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the example of the docs, with a page, a hook and a setting added to it."""
    path = tmp_path_factory.mktemp("template")
    (path / "pb_migrations").mkdir()
    for migration in (NOTES / "pb_migrations").iterdir():
        (path / "pb_migrations" / migration.name).write_bytes(migration.read_bytes())
    (path / "pb_public").mkdir()
    (path / "pb_public" / "index.html").write_text("a page of ours")
    (path / "pb_hooks").mkdir()
    hook = 'routerAdd("GET", "/hello", (e) => e.string(200, "from a hook"))'
    (path / "pb_hooks" / "hello.pb.js").write_text(hook)
    (path / "pb_settings.json").write_text(json.dumps({"logs": {"maxDays": 7}}))
    return path


@pytest.fixture(scope="module")
def house(template: Path) -> Iterator[Manager]:
    """Return a manager with that template and an operator."""
    settings = {
        "template_path": template,
        "superuser_email": OPERATOR[0],
        "superuser_password": OPERATOR[1],
    }
    with running_manager(**settings) as running:
        yield running


def read(instance: Json, query: str) -> list[tuple[object, ...]]:
    database = sqlite3.connect(f"file:{instance['db_path']}/data.db?mode=ro", uri=True)
    try:
        return database.execute(query).fetchall()
    finally:
        database.close()


def get(instance: Json, path: str) -> requests.Response:
    return requests.get(f"{instance['url']}{path}", timeout=10)


def test_every_instance_has_the_schema_the_hooks_and_the_pages(house: Manager) -> None:
    """Two users have the template's collection, hook and page, and nothing of each other."""
    for user_id in ("ann", "ben"):
        instance = house.api.run(user_id)

        assert get(instance, "/api/collections/notes/records").json()["items"] == []
        assert get(instance, "/hello").text == "from a hook"
        assert get(instance, "/").text == "a page of ours"


def test_the_settings_are_ours_with_the_operators_over_them(house: Manager) -> None:
    """A new instance has the manager's settings; ``pb_settings.json`` and the user id are in."""
    instance = house.api.run("ann")

    [(text,)] = read(instance, "SELECT value FROM _params WHERE id = 'settings'")
    assert isinstance(text, bytes | str)
    settings = json.loads(text)
    assert settings["meta"]["appName"] == "ann"
    assert settings["superuserIPs"] == ["127.0.0.1", "::1"]
    assert settings["rateLimits"]["enabled"] is True
    assert settings["logs"]["maxDays"] == 7


def test_the_installer_never_shows_itself(house: Manager) -> None:
    """There is a superuser from the first start on, so no installer token is printed."""
    house.api.run("ann")

    assert "pbinstall" not in house.layout.log("ann").read_text()


def test_nobody_can_sign_in_as_the_service(house: Manager) -> None:
    """The service superuser has no password that could ever fit."""
    instance = house.api.run("ann")
    for password in ("!", "", "password"):
        body = {"identity": "service@pblm.invalid", "password": password}
        url = f"{instance['url']}/api/collections/_superusers/auth-with-password"

        assert requests.post(url, json=body, timeout=10).status_code == 400


def test_the_operator_signs_in_everywhere(house: Manager) -> None:
    """The operator's login works in every instance, and is on no command line."""
    for user_id in ("ann", "ben"):
        instance = house.api.run(user_id)
        body = {"identity": OPERATOR[0], "password": OPERATOR[1]}
        url = f"{instance['url']}/api/collections/_superusers/auth-with-password"

        assert requests.post(url, json=body, timeout=10).status_code == 200
        process = Path(f"/proc/{instance['pid']}")
        for what in ("cmdline", "environ"):
            assert OPERATOR[1].encode() not in (process / what).read_bytes()


def test_the_second_user_has_a_small_footprint(house: Manager) -> None:
    """The types file, 0.8 MB, is written by the first user of a version only."""
    house.api.run("ann")
    second = house.api.run("second")

    assert (Path(second["db_path"]) / "types.d.ts").stat().st_size < 100


BROKEN = [
    (
        "pb_migrations/1700000000_bad.js",
        "migrate((app) => {\n  const x = ;\n}, (app) => {})",
        "pb_migrations/1700000000_bad.js, line 2: SyntaxError: Unexpected token ;",
        "migration_failed",
    ),
    (
        "pb_migrations/1700000000_bad.js",
        'migrate((app) => {\n\n  throw new Error("on purpose")\n}, (app) => {})',
        "pb_migrations/1700000000_bad.js, line 3: Error: on purpose",
        "migration_failed",
    ),
    (
        "pb_hooks/bad.pb.js",
        'routerAdd("GET", "/x", (e) => {\n  return e.json(200, {\n})\n',
        "pb_hooks/bad.pb.js, line 4: SyntaxError: Unexpected end of input",
        "hook_failed",
    ),
    (
        "pb_hooks/bad.pb.js",
        "const a = 1\n\n\nnobodyHasMadeThis()",
        "pb_hooks/bad.pb.js, line 4: ReferenceError: nobodyHasMadeThis is not defined",
        "hook_failed",
    ),
]


def test_a_broken_template_fails_the_start_and_touches_nobody_who_runs(tmp_path: Path) -> None:
    """File, line and message are told, no restart is tried, and who runs goes on."""
    with running_manager(template_path=tmp_path, on_exit="keep") as manager:
        pid = manager.api.run("ann")["pid"]
        for name, script, fault, cause in BROKEN:
            manager.kill()
            file = tmp_path / name
            file.parent.mkdir()
            file.write_text(script)
            manager.start()
            answer = manager.api.init_pb("ben")
            failed = manager.api.instance("ben")
            file.unlink()
            file.parent.rmdir()

            assert answer.status_code == 500
            assert fault in answer.json()["message"]
            assert failed["failure"]["cause"] == cause
            assert "not tried again" in failed["reason"]
            assert manager.api.instance("ann")["pid"] == pid
        manager.api.stop("ann")


def test_broken_settings_of_a_template_refuse_the_launch(tmp_path: Path) -> None:
    """The line is told; whatever runs goes on without a manager, as it does without a launch."""
    (tmp_path / "pb_settings.json").write_text('{\n  "logs": {"maxDays": 7},\n}')
    with manager_of(template_path=tmp_path) as manager:
        said = manager.launch_refused()

    assert f"{tmp_path / 'pb_settings.json'}, line 3: no JSON" in said
