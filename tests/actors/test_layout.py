"""Where everything lies on disk."""

from __future__ import annotations

import re
import stat
import string
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.layout import Layout, directory_name, make_private_directory
from bus.causes import Cause
from bus.errors import InstanceIOError
from bus.user_id import check_user_id

user_ids = st.builds(
    str.__add__,
    st.sampled_from(string.ascii_letters + string.digits),
    st.text(string.ascii_letters + string.digits + "._@+-", max_size=127),
)
alike_ids = st.text("aAbB", min_size=1, max_size=6) | st.text("aA", min_size=90, max_size=128)


@pytest.mark.parametrize(
    ("user_id", "name"),
    [
        ("alice", "pb_user_alice.db"),
        ("a.b_c@d+e-f", "pb_user_a.b_c@d+e-f.db"),
        ("Bob", "pb_user_=bob.db"),
        ("bOB", "pb_user_b=o=b.db"),
        (
            "A" * 128,
            f"pb_user_{'=a' * 50}=="
            "b6ac3cc10386331c765f04f041c147d0f278f2aed8eaa021e2d0057fc6f6ff9e.db",
        ),
    ],
)
def test_names_are_pinned(user_id: str, name: str) -> None:
    """A user's directory has the same name in every version."""
    assert directory_name(user_id) == name


@given(st.sets(user_ids | alike_ids, min_size=100, max_size=120))
@settings(max_examples=10)
def test_no_two_users_share_a_directory(users: set[str]) -> None:
    """Different ids have different names, also where the file system ignores case."""
    assert len({directory_name(user).casefold() for user in users}) == len(users)


@given(user_ids, user_ids)
@settings(max_examples=200)
def test_ids_that_differ_in_case_only_are_kept_apart(one: str, other: str) -> None:
    """An id and its other spellings never meet."""
    spellings = {one, one.lower(), one.upper(), one.swapcase(), other}
    assert len({directory_name(each).casefold() for each in spellings}) == len(spellings)


@given(user_ids)
@settings(max_examples=200)
def test_names_are_safe(user_id: str) -> None:
    """A name is short enough with its suffixes, plain ASCII, and leads nowhere else."""
    check_user_id(user_id)
    name = directory_name(user_id)
    assert len(f"{name}.lock".encode()) <= 255
    assert re.fullmatch(r"pb_user_[a-z0-9._@+=-]+\.db", name)


def test_the_users_tree_lies_under_the_root(tmp_path: Path) -> None:
    """Data lies beside the manager's own directory, log and lock in it."""
    layout = Layout(root=tmp_path, control=tmp_path / ".pblm")
    assert layout.data("alice") == tmp_path / "pb_user_alice.db"
    assert layout.log("alice") == tmp_path / ".pblm/logs/pb_user_alice.db.log"
    assert layout.lock("alice") == tmp_path / ".pblm/locks/pb_user_alice.db.lock"
    assert layout.registry == tmp_path / ".pblm/registry.db"


def test_no_user_can_have_the_managers_directory() -> None:
    """The manager's own directory begins with what no user's does."""
    assert not directory_name("pblm").startswith(".")


def test_prepare_makes_private_directories(tmp_path: Path) -> None:
    """All of the manager's directories are made, and are nobody else's to read."""
    layout = Layout(root=tmp_path / "dbs", control=tmp_path / "dbs" / ".pblm")
    for _ in range(2):
        layout.prepare()
    made = [path for path in (tmp_path / "dbs").rglob("*") if path.is_dir()]
    assert {"run", "logs", "locks", "templates", "trash", "drafts"} <= {p.name for p in made}
    assert {stat.S_IMODE(path.stat().st_mode) for path in made} == {0o700}


def test_an_open_directory_is_made_private(tmp_path: Path) -> None:
    """A directory that was there, open to others, is closed."""
    path = tmp_path / "open"
    path.mkdir(mode=0o755)
    make_private_directory(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o700


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """Where a file stands in the way, the error says which directory it is about."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InstanceIOError, match=r"^IO error: cannot make the .*file/deep"):
        make_private_directory(tmp_path / "file" / "deep")
    with pytest.raises(InstanceIOError) as error:
        make_private_directory(tmp_path / "file")
    assert error.value.failure.cause is Cause.IO_ERROR
