"""Rollouts: all running instances come to another PocketBase, a few at a time, or none does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bus.events import RolloutFinished, RolloutStarted
from bus.states import Status
from tests.house.manager import Manager, manager_of
from tests.house.pocketbases import broken, newer
from tests.house.surroundings import eventually

DIES = "exit 1"
USERS = ("ann", "ben", "cat", "dan")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Manager]:
    """Return a manager whose PocketBase can be exchanged under it, with four users."""
    binary = tmp_path / "pocketbase"
    newer(tmp_path, "0.41.0").rename(binary)
    with manager_of(binary_path=binary, upgrade_timeout=2) as made:
        made.start()
        for user_id in USERS:
            made.api.run(user_id)
        yield made


def exchange(manager: Manager, binary: Path) -> None:
    """As an installer does it: another file in the place of the former."""
    binary.rename(manager.settings.binary_path)


def rollout(manager: Manager, **body: Any) -> dict[str, Any]:
    """Start one, and return how it ended."""
    with manager.listen() as listener:
        body.setdefault("settle_seconds", 0.2)
        answer = manager.api.call("POST", "/api/rollout", json=body)
        assert answer.status_code == 202, answer.text
        listener.until_event(RolloutStarted)
        ended = listener.until_event(RolloutFinished)
    told = state_of(manager)
    assert told["state"] == ended.rollout.state
    return told


def state_of(manager: Manager) -> dict[str, Any]:
    """Return the rollout that is under way, or was last."""
    return dict(manager.api.call("GET", "/api/rollout").json()["rollout"])


def versions(manager: Manager) -> dict[str, str]:
    return {user: one["version"] for user, one in manager.api.instances().items()}


def test_all_who_run_are_upgraded_and_nobody_is_woken(house: Manager, tmp_path: Path) -> None:
    """A canary, then the rest; who is stopped gets it at the next start, as new users do."""
    assert house.api.call("GET", "/api/rollout").json() == {"rollout": None}
    house.api.stop("dan")
    exchange(house, newer(tmp_path, "0.42.0"))
    ended = rollout(house, canary="cat", wave=2)

    assert (ended["state"], ended["upgraded"], ended["remaining"]) == ("finished", 3, 0)
    assert versions(house) == dict.fromkeys(("ann", "ben", "cat"), "0.42.0") | {"dan": "0.41.0"}
    assert house.api.instance("dan")["status"] == "Stopped"
    assert house.api.run("dan")["version"] == "0.42.0"
    assert house.api.run("eve")["version"] == "0.42.0"
    assert rollout(house)["reason"] == "All running instances are served by it"
    house.stop()


def test_it_stops_at_the_canary(house: Manager, tmp_path: Path) -> None:
    """The canary is back on the former one, nobody else was touched, also at the next launch."""
    pids = {user: one["pid"] for user, one in house.api.instances().items()}
    exchange(house, broken(tmp_path, "0.42.0", DIES))
    ended = rollout(house)

    assert (ended["state"], ended["upgraded"], list(ended["failures"])) == ("failed", 0, ["ann"])
    assert "0.42.0 failed and was taken back" in ended["failures"]["ann"]
    assert set(versions(house).values()) == {"0.41.0"}
    now = {user: one["pid"] for user, one in house.api.instances().items()}
    assert {user for user in USERS if now[user] != pids[user]} == {"ann"}
    assert house.api.run("eve")["version"] == "0.41.0"
    house.stop()
    house.start()
    for user_id in USERS:
        instance = house.api.run(user_id)
        assert instance["version"] == "0.41.0"
        assert "taken back" not in instance["reason"]
    exchange(house, newer(tmp_path, "0.42.1"))
    ended = rollout(house)
    assert ended["state"] == "finished", ended
    assert set(versions(house).values()) == {"0.42.1"}
    house.stop()


def test_it_stops_at_the_failures_of_a_wave(house: Manager, tmp_path: Path) -> None:
    """Those that went well stay; who comes after the failure is left alone."""
    exchange(house, broken(tmp_path, "0.42.0", DIES, whom="cat"))
    ended = rollout(house, canary="ben", wave=1)

    assert (ended["state"], ended["upgraded"], ended["remaining"]) == ("failed", 2, 1)
    upgraded = {user for user, version in versions(house).items() if version == "0.42.0"}
    assert upgraded == {"ann", "ben"}
    house.stop()


def test_it_can_be_cancelled_and_ends_with_its_manager(house: Manager, tmp_path: Path) -> None:
    """Nothing begins after that; one that its manager did not survive is told to be over."""
    exchange(house, newer(tmp_path, "0.42.0"))
    canary_runs(house, "ann")
    assert house.api.call("POST", "/api/rollout").status_code == 409
    cancelled = house.api.call("DELETE", "/api/rollout").json()["rollout"]
    assert cancelled["state"] in ("cancelling", "cancelled")
    assert versions(house)["ben"] == "0.41.0"
    assert state_of(house)["state"] == "cancelled"
    assert house.api.call("DELETE", "/api/rollout").status_code == 409

    canary_runs(house, "ben")
    house.kill()
    house.start()
    told = state_of(house)
    assert (told["state"], told["reason"]) == ("interrupted", "The manager ended before it did")
    upgraded = {user for user, version in versions(house).items() if version == "0.42.0"}
    assert upgraded == {"ann", "ben"}
    house.stop()


def canary_runs(manager: Manager, user_id: str) -> None:
    """Start a rollout, and return when its canary runs and is being looked at for an hour."""
    body = {"settle_seconds": 3600, "canary": user_id}
    with manager.listen() as listener:
        assert manager.api.call("POST", "/api/rollout", json=body).status_code == 202
        listener.until_status(Status.RUNNING, user_id)
    eventually(lambda: state_of(manager)["upgraded"] == 1, "the canary is counted")


def test_a_rollout_needs_what_it_asks_for(house: Manager, tmp_path: Path) -> None:
    """A canary that runs, and a PocketBase that is there and not older."""
    house.api.stop("dan")
    call = house.api.call
    assert call("POST", "/api/rollout", json={"canary": "nobody"}).status_code == 404
    assert call("POST", "/api/rollout", json={"canary": "dan"}).status_code == 409
    assert call("POST", "/api/rollout", json={"wave": 0}).status_code == 400
    exchange(house, newer(tmp_path, "0.40.0"))
    answer = call("POST", "/api/rollout")
    assert answer.status_code == 409
    assert "0.40.0 is older" in answer.json()["message"]
    Path(house.settings.binary_path).unlink()
    assert call("POST", "/api/rollout").status_code == 500
    assert call("GET", "/api/rollout").json() == {"rollout": None}
    house.stop()
