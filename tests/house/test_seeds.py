"""New users who begin with a seed: what they have in common, and what never."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.house.caller import Json
from tests.house.manager import Manager, running_manager
from tests.house.pocketbases import pocketbase
from tests.house.surroundings import eventually
from tests.house.test_access import is_superuser, mint
from tests.house.test_templates import get, read

MEMBERS = """
migrate((app) => {
  app.save(new Collection({ name: "members", type: "auth" }))
  const plans = new Collection({
    name: "plans",
    type: "base",
    listRule: "",
    fields: [
      { name: "title", type: "text" },
      { name: "made", type: "autodate", onCreate: true },
    ],
  })
  app.save(plans)
  const plan = new Record(plans)
  plan.set("id", "freeplan0000001")
  plan.set("title", "free")
  app.save(plan)
}, (app) => {})
"""
HOOK = """
onBootstrap((e) => {
  e.next()
  console.log("a hook saw the bootstrap of", e.app.settings().meta.appName)
})
"""
OWN = """
migrate((app) => {
  const fields = [{ name: "key", type: "text" }]
  const keys = new Collection({ name: "keys", type: "base", fields: fields })
  app.save(keys)
  const key = new Record(keys)
  key.set("id", "thekey000000001")
  key.set("key", %s)
  app.save(key)
}, (app) => {})
"""
SECRETS = "SELECT name, options FROM _collections WHERE type = 'auth'"


def make_template(path: Path, migration: str, hook: str = "") -> Path:
    for kind in ("pb_migrations", "pb_hooks"):
        (path / kind).mkdir(parents=True)
    (path / "pb_migrations" / "1700000000_ours.js").write_text(migration)
    (path / "pb_hooks" / "ours.pb.js").write_text(hook)
    return path


def seeds(manager: Manager) -> dict[int, Path]:
    """Return the seeds by their inode, which a directory keeps when it is given another name."""
    return {path.stat().st_ino: path for path in manager.layout.nursery.glob("*/seed.*")}


def await_seeds(manager: Manager, count: int = 3) -> None:
    eventually(lambda: len(seeds(manager)) == count, "the seeds are there")


def run_from_seed(manager: Manager, user_id: str) -> Json:
    ready = seeds(manager)
    instance = manager.api.run(user_id)
    assert Path(instance["db_path"]).stat().st_ino in ready
    return instance


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manager]:
    """Return a manager that has seeds ready, of a template with a hook."""
    template = make_template(tmp_path_factory.mktemp("seeds") / "template", MEMBERS, HOOK)
    with running_manager(template_path=template, seeds=3) as running:
        await_seeds(running)
        yield running


@pytest.fixture(scope="module")
def ann(house: Manager) -> Json:
    return run_from_seed(house, "ann")


@pytest.fixture(scope="module")
def ben(house: Manager, ann: Json) -> Json:
    return run_from_seed(house, "ben")


def secrets_of(instance: Json) -> dict[tuple[str, str], str]:
    found = {}
    for name, options in read(instance, SECRETS):
        for key, value in json.loads(str(options)).items():
            if isinstance(value, dict) and "secret" in value:
                found[str(name), key] = value["secret"]
    return found


def test_no_token_of_one_is_worth_anything_at_another(house: Manager, ann: Json, ben: Json) -> None:
    """Neither a superuser's nor that of a record which both have under the same id."""
    for own, other, user_id in ((ann, ben, "ann"), (ben, ann, "ben")):
        token = mint(house, user_id)["token"]
        assert is_superuser(own, token)
        assert not is_superuser(other, token)
        body = {
            "id": "sameinbothplace",
            "email": "same@example.com",
            "password": "12345678",
            "passwordConfirm": "12345678",
        }
        assert call(own, "members/records", token, body).status_code == 200
    for own, other, user_id in ((ann, ben, "ann"), (ben, ann, "ben")):
        token = mint(house, user_id, collection="members", record_id=body["id"])["token"]
        login = {"identity": body["email"], "password": body["password"]}
        given = call(own, "members/auth-with-password", "", login).json()["token"]
        for each in (token, given):
            assert call(other, "members/auth-refresh", each, {}).status_code == 401
        assert call(own, "members/auth-refresh", given, {}).status_code == 200


def call(instance: Json, path: str, token: str, body: Any) -> requests.Response:
    url = f"{instance['url']}/api/collections/{path}"
    return requests.post(url, json=body, headers={"Authorization": token}, timeout=10)


def test_every_secret_is_of_its_own(house: Manager, ann: Json, ben: Json) -> None:
    """All five of each auth collection, all keys, and what a database is known by."""
    origin = {"db_path": str(next(house.layout.nursery.glob("*/origin")))}
    all_of_them = [secrets_of(each) for each in (ann, ben, origin)]
    assert {len(each) for each in all_of_them} == {15}
    values = [value for each in all_of_them for value in each.values()]
    for each in (ann, ben, origin):
        [(key,)] = read(each, "SELECT tokenKey FROM _superusers")
        values.append(str(key))
    assert len(set(values)) == len(values) == 48
    first = "SELECT file, applied FROM _migrations ORDER BY applied LIMIT 1"
    assert len({read(each, first)[0] for each in (ann, ben, origin)}) == 3


def test_they_begin_as_every_first_start_does(house: Manager, ann: Json, ben: Json) -> None:
    """Schema, records, settings and the name are there, and the bootstrap hook has run."""
    for user_id, instance in (("ann", ann), ("ben", ben)):
        [plan] = get(instance, "/api/collections/plans/records").json()["items"]
        assert (plan["id"], plan["title"]) == ("freeplan0000001", "free")
        [(settings,)] = read(instance, "SELECT value FROM _params WHERE id = 'settings'")
        assert isinstance(settings, bytes | str)
        assert json.loads(settings)["meta"]["appName"] == user_id
        said = house.layout.log(user_id).read_text()
        assert f"a hook saw the bootstrap of {user_id}" in said
        assert "pbinstall" not in said


def test_what_was_taken_is_made_anew(house: Manager, ann: Json, ben: Json) -> None:
    """There are seeds again, and those are used by the next manager, too."""
    await_seeds(house)
    before = set(seeds(house))
    house.stop()
    house.start()

    instance = house.api.run("next")
    assert Path(instance["db_path"]).stat().st_ino in before


def test_a_template_that_makes_something_of_each_installs_own_has_no_seeds(tmp_path: Path) -> None:
    """A random key in a record is different for every user, as PocketBase has it."""
    template = make_template(tmp_path / "template", OWN % "$security.randomString(20)")
    with running_manager(template_path=template, seeds=3) as manager:
        eventually(lambda: "each install's own: keys" in manager.last_log(), "it is told")
        keys = {read(manager.api.run(user), "SELECT key FROM keys")[0] for user in ("a", "b")}

        assert len(keys) == 2
        assert not seeds(manager)


def test_a_template_that_fails_without_a_word_makes_no_seeds(tmp_path: Path) -> None:
    """PocketBase before 0.40 ends as if all were well; its data had nothing of the template."""
    template = make_template(tmp_path / "template", 'migrate(() => { throw new Error("no") })')
    with running_manager(
        binary_path=str(pocketbase("0.36.9")), template_path=template, seeds=2
    ) as manager:
        eventually(lambda: "seed: the template fails" in manager.last_log(), "it is told")
        assert manager.api.init_pb("ann").status_code == 500
        assert manager.api.instance("ann")["failure"]["cause"] == "migration_failed"
        assert not seeds(manager)


@pytest.mark.skipif(os.geteuid() != 0, reason="changing the uid takes root")
def test_with_uids_a_seed_becomes_its_users_own() -> None:
    """Everything in it belongs to the user's uid, and to nobody else."""
    with running_manager(isolation="uid", seeds=2) as manager:
        manager.root.chmod(0o711)
        await_seeds(manager, 2)
        data = Path(run_from_seed(manager, "ann")["db_path"])

        process = Path(f"/proc/{manager.api.instance('ann')['pid']}")
        uids = {path.stat().st_uid for path in (process, data, *data.rglob("*"))}
        assert len(uids) == 1
        assert 0 not in uids
        assert data.stat().st_mode & 0o077 == 0
