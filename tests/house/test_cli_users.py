"""``pblm``: tokens, metadata, and whose an instance is."""

from __future__ import annotations

import io

import pytest
import requests

from tests.house.manager import Manager
from tests.house.shell import Shell


@pytest.fixture(scope="module")
def pblm(manager: Manager) -> Shell:
    """Return who types commands."""
    return Shell(manager)


def superusers(url: str, token: str) -> int:
    """Ask the user's PocketBase for what only a superuser may see."""
    answer = requests.get(
        f"{url}/api/collections/_superusers/records", headers={"Authorization": token}, timeout=10
    )
    return answer.status_code


def test_a_token_is_good_until_it_is_revoked(manager: Manager, pblm: Shell) -> None:
    """What `pblm token` prints is the token alone, as a script wants it."""
    url = manager.api.run("ann")["url"]
    token = pblm("token", "ann").out.strip()
    assert superusers(url, token) == 200
    assert pblm("revoke-tokens", "ann").out == "all tokens of 1 records are worthless now\n"
    assert superusers(url, token) != 200
    told = pblm("token", "ann", "--seconds", "60", "--json").json
    assert superusers(url, told["token"]) == 200
    assert told["collection"] == "_superusers"


def test_a_token_for_nobody_is_a_misuse(pblm: Shell) -> None:
    """A record is needed outside the superusers."""
    ended = pblm("token", "ann", "--collection", "users")
    assert ended.status == 2
    assert "--record is needed" in ended.err


def test_metadata_is_put_and_printed(
    manager: Manager, pblm: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes from the command line or from standard input."""
    manager.api.run("ben")
    assert pblm("metadata", "ben").json == {}
    assert pblm("metadata", "ben", "--set", '{"plan": "pro"}').json == {"plan": "pro"}
    monkeypatch.setattr("sys.stdin", io.StringIO('{"plan": "free"}'))
    pblm("metadata", "ben", "--set", "-")
    assert pblm("metadata", "ben").json == {"plan": "free"}
    assert pblm("metadata", "ben", "--set", "[1]").status == 2


def test_an_instance_changes_hands(manager: Manager, pblm: Shell) -> None:
    """It is copied, renamed, deleted, brought back and purged."""
    manager.api.run("cat")
    assert pblm("clone", "cat", "cat2").out == "cat2 is a copy of cat, and stopped\n"
    assert pblm("clone", "cat", "cat2").status == 5
    assert pblm("rename", "cat2", "cat3").status == 0
    assert pblm("delete", "cat3", "--yes").status == 0
    assert manager.api.instance("cat3")["deleted_at"] is not None
    assert pblm("undelete", "cat3", "--json").json["instance"]["deleted_at"] is None
    assert pblm("delete", "cat3", "--purge", "--yes").status == 0
    assert manager.api.find("cat3") is None
    assert pblm("status", "cat3").status == 4


def test_nothing_is_deleted_when_nobody_can_be_asked(
    manager: Manager, pblm: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a terminal the command must say so itself."""
    manager.api.run("dan")
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    ended = pblm("delete", "dan")
    assert ended.status == 2
    assert "Say --yes" in ended.err
    assert manager.api.instance("dan")["status"] == "Running"


def test_all_are_stopped(manager: Manager, pblm: Shell) -> None:
    """Whoever runs is stopped, whoever is stopped already is left alone."""
    manager.api.run("eve")
    manager.api.run("fay")
    manager.api.stop("fay")
    stopped = {line["user_id"] for line in pblm("stop", "--all", "--yes", "--json").lines}
    assert "eve" in stopped
    assert "fay" not in stopped
    assert manager.api.instances("?status=Running") == {}
