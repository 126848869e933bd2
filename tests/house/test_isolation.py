"""Users are kept apart: on disk, in their PocketBases, and whatever they are called."""

from __future__ import annotations

import re
import string
import tempfile
from pathlib import Path

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from actors.layout import Layout, directory_name
from bus.user_id import MAX_LENGTH, check_user_id
from tests.house.caller import Caller
from tests.house.manager import Manager
from tests.house.tenant import PASSWORD, Tenant

NAME_MAX = 255
FIRST = string.ascii_letters + string.digits
user_ids = st.builds(
    lambda first, rest: first + rest,
    st.sampled_from(FIRST),
    st.text(FIRST + "._@+-", max_size=MAX_LENGTH - 1),
)


@settings(max_examples=5, derandomize=True, deadline=None, phases=[Phase.generate])
@given(st.lists(user_ids, min_size=50, max_size=50, unique=True))
def test_a_hundred_users_are_kept_apart_on_disk(some: list[str]) -> None:
    """A hundred ids, half of them the others in another case, have a hundred directories."""
    users = list(dict.fromkeys([*some, *(user.swapcase() for user in some), *FIRST]))[:100]
    assert len(users) == 100
    with tempfile.TemporaryDirectory() as folder:
        layout = Layout(root=Path(folder), control=Path(folder, ".pblm"))
        for user in users:
            check_user_id(user)
            layout.data(user).mkdir()
            Path(layout.data(user), "owner").write_text(user)

        assert len({layout.data(user).name.lower() for user in users}) == 100
        assert {Path(layout.data(user), "owner").read_text() for user in users} == set(users)
        assert {layout.data(user).parent for user in users} == {layout.root}


@settings(max_examples=50, derandomize=True, deadline=None)
@given(user_ids)
def test_every_users_files_have_names_that_a_file_system_takes(user: str) -> None:
    """No id makes a name that is too long, hidden or in need of quoting."""
    layout = Layout(root=Path("/dbs"), control=Path("/dbs/.pblm"))
    for path in (layout.data(user), layout.log(user), layout.lock(user)):
        assert len(path.name) <= NAME_MAX
        assert re.fullmatch(r"pb_user_[a-z0-9._@+=-]+", path.name)
    assert directory_name(user).endswith(".db")


def test_what_one_user_writes_no_other_user_sees(manager: Manager) -> None:
    """Two users' collections, records, accounts and tokens are their own."""
    ann, ben = manager.api.run("ann"), manager.api.run("ben")
    owner_of_ann = Tenant(ann, "ann@example.com")
    owner_of_ben = Tenant(ben, "ben@example.com")
    for owner, collection in ((owner_of_ann, "poems"), (owner_of_ben, "bills")):
        owner.make_collection(collection)
        owner.write(collection, f"one of the {collection}")

    assert owner_of_ann.titles("poems") == ["one of the poems"]
    assert owner_of_ben.titles("bills") == ["one of the bills"]
    assert owner_of_ann.titles("bills") is None
    assert owner_of_ben.titles("poems") is None
    login = Caller(ben["port"]).call(
        "POST",
        "/api/collections/_superusers/auth-with-password",
        json={"identity": "ann@example.com", "password": PASSWORD},
    )
    assert login.status_code == 400


def test_data_outlives_stop_and_start(manager: Manager) -> None:
    """What a user wrote is there again after ``stop_pb`` and ``init_pb``."""
    owner = Tenant(manager.api.run("cem"))
    owner.make_collection("notes")
    owner.write("notes", "milk")
    manager.api.stop("cem")

    assert Tenant(manager.api.run("cem")).titles("notes") == ["milk"]


def test_ids_that_differ_in_case_only_run_side_by_side(manager: Manager) -> None:
    """``Bob`` and ``bob`` are two users, with two processes, two ports and their own data."""
    bob, capital = manager.api.run("bob"), manager.api.run("Bob")
    Tenant(bob).make_collection("small")
    Tenant(capital).make_collection("large")

    assert bob["pid"] != capital["pid"]
    assert bob["port"] != capital["port"]
    assert bob["db_path"].lower() != capital["db_path"].lower()
    assert Tenant(bob).titles("large") is None
    assert Tenant(capital).titles("small") is None


def test_the_longest_and_the_oddest_ids_run(manager: Manager) -> None:
    """Every id that is allowed gets a PocketBase, also where its name must be shortened."""
    for user in ("X" * MAX_LENGTH, "x" * MAX_LENGTH, "0", "A@b.c+d-e_f", "9..-"):
        instance = manager.api.run(user)
        assert instance["user_id"] == user
        assert Path(instance["db_path"], "data.db").is_file()
        manager.api.stop(user)
