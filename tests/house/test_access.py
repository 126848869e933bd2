"""Tokens for the app, and the metadata that it keeps beside an instance."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import requests

from tests.house.caller import Json
from tests.house.manager import Manager


def mint(manager: Manager, user_id: str, **body: object) -> Json:
    answer = manager.api.call("POST", f"/api/users/{user_id}/pb_token", json=body)
    assert answer.status_code == 200, answer.text
    token: Json = answer.json()
    return token


def is_superuser(instance: Json, token: str) -> bool:
    """PocketBase tells superusers more about its health, from its database."""
    answer = requests.get(
        f"{instance['url']}/api/health", headers={"Authorization": token}, timeout=10
    )
    return "canBackup" in answer.json()["data"]


def sign_up(instance: Json, token: str, email: str) -> str:
    body = {"email": email, "password": "12345678", "passwordConfirm": "12345678"}
    url = f"{instance['url']}/api/collections/users/records"
    answer = requests.post(url, json=body, headers={"Authorization": token}, timeout=10)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def test_a_token_opens_its_own_instance_only(manager: Manager) -> None:
    """A superuser's token of one user is worth nothing at another's."""
    ann, ben = manager.api.run("ann"), manager.api.run("ben")
    token = mint(manager, "ann")["token"]

    assert is_superuser(ann, token)
    assert not is_superuser(ben, token)


def test_a_token_of_an_ordinary_record(manager: Manager) -> None:
    """A token by collection and record id is that record's, with what it may do."""
    ann = manager.api.run("ann")
    superuser = mint(manager, "ann")["token"]
    record_id = sign_up(ann, superuser, "one@example.com")
    token = mint(manager, "ann", collection="users", record_id=record_id)["token"]

    url = f"{ann['url']}/api/collections/users/records"
    seen = requests.get(url, headers={"Authorization": token}, timeout=10).json()["items"]
    assert [record["id"] for record in seen] == [record_id]
    assert not is_superuser(ann, token)


def test_a_token_ends_when_it_says(manager: Manager) -> None:
    """``expires_in`` is kept: in the answer, and by PocketBase."""
    ann = manager.api.run("ann")
    asked = datetime.now(UTC)
    token = mint(manager, "ann", expires_in=1)
    answered, ends = datetime.now(UTC), datetime.fromisoformat(token["expires_at"])

    assert asked < ends <= answered + timedelta(seconds=1)
    assert manager.api.call("POST", "/api/users/ann/pb_token", json={"expires_in": 0}).status_code
    deadline = ends.timestamp() + 10
    while is_superuser(ann, token["token"]):
        assert datetime.now(UTC).timestamp() < deadline


def test_a_stopped_instance_gives_tokens_too(manager: Manager) -> None:
    """A token is signed without PocketBase, and holds once that runs."""
    manager.api.run("cat")
    manager.api.stop("cat")
    token = mint(manager, "cat")["token"]

    assert is_superuser(manager.api.run("cat"), token)


def test_revoked_tokens_are_worthless_at_once(manager: Manager) -> None:
    """After ``revoke_tokens`` no token given so far opens anything; new ones do."""
    ann = manager.api.run("ann")
    superuser = mint(manager, "ann")["token"]
    assert is_superuser(ann, superuser)
    answer = manager.api.call("POST", "/api/users/ann/revoke_tokens")

    assert answer.status_code == 200
    assert not is_superuser(ann, superuser)
    assert is_superuser(ann, mint(manager, "ann")["token"])


def test_no_token_of_what_is_not_there(manager: Manager) -> None:
    """An unknown user, collection or record is a 404; a user who never ran is a conflict."""
    manager.api.run("ann")
    for path, body, status in (
        ("/api/users/nobody/pb_token", {}, 404),
        ("/api/users/ann/pb_token", {"collection": "users", "record_id": "none"}, 404),
        ("/api/users/ann/pb_token", {"collection": 'x"; --', "record_id": "none"}, 404),
        ("/api/users/ann/pb_token", {"collection": "users"}, 400),
        ("/api/users/ann/pb_token", {"expires_in": 10**9}, 400),
    ):
        assert manager.api.call("POST", path, json=body).status_code == status, (path, body)


def test_metadata_is_kept(manager: Manager) -> None:
    """What the app puts beside an instance is there again, in its place and bounded in size."""
    manager.api.run("ann")
    path = "/api/users/ann/metadata"
    assert manager.api.call("PUT", path, json={"plan": "pro", "n": [1, None]}).status_code == 200

    assert manager.api.call("GET", path).json()["metadata"] == {"plan": "pro", "n": [1, None]}
    assert manager.api.call("PUT", path, json={"big": "x" * 20_000}).status_code == 400
    assert manager.api.call("PUT", path, json=[1]).status_code == 400
    assert manager.api.call("GET", path).json()["metadata"]["plan"] == "pro"
    assert manager.api.call("GET", "/api/users/nobody/metadata").status_code == 404


def test_metadata_are_part_of_the_instance_on_request(manager: Manager) -> None:
    """``include`` and ``fields`` bring them; nothing else does."""
    manager.api.run("ann")
    manager.api.call("PUT", "/api/users/ann/metadata", json={"plan": "pro"})
    status = "/api/users/ann/pb_status"

    asked = manager.api.call("GET", f"{status}?include=metadata").json()["instance"]
    assert asked["metadata"] == {"plan": "pro"}
    assert "metadata" not in manager.api.call("GET", status).json()["instance"]
    assert manager.api.call("GET", f"{status}?include=x").status_code == 400
    nobody = manager.api.call("GET", "/api/users/nobody/pb_status?include=metadata")
    assert nobody.json()["instance"] is None
    assert manager.api.instances("?fields=metadata")["ann"] == {"metadata": {"plan": "pro"}}
    assert "metadata" not in manager.api.instances()["ann"]
