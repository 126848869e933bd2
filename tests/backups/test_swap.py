"""Other data in the place of a user's: whatever moment it ends at, old or new, and whole."""

from __future__ import annotations

import contextlib
import itertools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from actors.data import swap as swapping
from actors.data.swap import Intent, Swap, finish_swaps
from actors.data.userdata import read_identity
from actors.layout import Layout
from actors.store import Store
from tests.actors.fakes import make_database
from tests.actors.test_store import NOW, record

OLD, NEW = "old.js@1", "new.js@2"
INTENT = Intent(
    what="a backup",
    at=NOW,
    had_data=True,
    identity=NEW,
    version="0.40.6",
    former_identity=OLD,
    former_version="0.40.5",
)


class Killed(BaseException):
    """The manager ended here."""


class World:
    """One user with old data, and new ones that are prepared."""

    def __init__(self, root: Path) -> None:
        self.layout = Layout(root=root, control=root / ".pblm")
        self.layout.prepare()
        self.store = Store(self.layout.registry)
        self.store.put(record(identity=OLD, version="0.40.5"))
        make_database(self.layout.data("alice"), file="old.js", applied=1)
        self.swap = Swap(self.layout, "alice")
        make_database(self.swap.prepare(), file="new.js", applied=2)
        self.swap.seal()

    def restart(self) -> None:
        """What the next manager does."""
        self.store.close()
        self.store = Store(self.layout.registry)
        finish_swaps(self.store, self.layout)

    @property
    def found(self) -> str:
        """The identity of the data in the user's place, which is that on record."""
        (row,) = self.store.records()
        found = read_identity(self.layout.data("alice"))
        assert row.identity == found
        return found

    def close(self) -> None:
        self.store.close()
        shutil.rmtree(self.layout.root)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path / "dbs")
    yield made
    made.store.close()


def exchange(world: World) -> None:
    world.swap.exchange(INTENT)
    world.store.put(record(identity=NEW, version="0.40.6"))


def exchange_and_take_back(world: World) -> None:
    exchange(world)
    world.store.put(record(identity=OLD, version="0.40.5"))
    world.swap.take_back(INTENT)


def exchange_and_settle(world: World) -> None:
    exchange(world)
    world.swap.settle()


@pytest.mark.parametrize("work", [exchange, exchange_and_take_back, exchange_and_settle])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_kill_at_any_step_leaves_old_or_new_data_whole(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    work: Callable[[World], None],
    after: bool,
) -> None:
    """Killed before or after each step, the next manager has whole data and the right record."""
    outcomes = set()
    for kill_at in itertools.count():
        world = World(tmp_path / str(kill_at))
        with monkeypatch.context() as patch:
            steps = Steps(patch, kill_at, after=after)
            with contextlib.suppress(Killed):
                work(world)
        world.restart()
        outcomes.add(world.found)
        finished = steps.taken < kill_at
        world.close()
        if finished:
            break
    assert outcomes == {OLD, NEW}
    assert kill_at > 3


class Steps:
    """Counts the steps on disk and in the registry, and ends the manager at one of them."""

    def __init__(self, patch: pytest.MonkeyPatch, kill_at: int, *, after: bool) -> None:
        self.taken = 0
        self._kill_at = kill_at
        self._after = after
        for owner, name in (
            (swapping, "rename"),
            (swapping, "write_file"),
            (swapping, "remove"),
            (Store, "put"),
        ):
            patch.setattr(owner, name, self._step(getattr(owner, name)))

    def _step(self, work: Callable[..., Any]) -> Callable[..., Any]:
        def step(*args: Any, **kwargs: Any) -> Any:
            here = self.taken == self._kill_at
            self.taken += 1
            if here and not self._after:
                raise Killed
            result = work(*args, **kwargs)
            if here:
                raise Killed
            return result

        return step


def test_the_old_data_are_kept_until_it_is_settled(world: World) -> None:
    """After the exchange they lie aside, untouched; a new manager leaves them there."""
    exchange(world)
    world.restart()
    assert read_identity(world.swap.old) == OLD
    assert world.swap.intent == INTENT
    world.swap.settle()
    assert not world.swap.folder.exists()
    assert world.found == NEW


def test_what_was_prepared_and_never_begun_is_removed(world: World) -> None:
    """Without an intent it is rubbish."""
    world.restart()
    assert not world.swap.folder.exists()
    assert world.found == OLD


def test_a_user_without_data_gets_some(world: World) -> None:
    """Where the data were lost, there is nothing to put aside, and nothing to come back."""
    shutil.rmtree(world.layout.data("alice"))
    intent = Intent(
        what="a backup",
        at=NOW,
        had_data=False,
        identity=NEW,
        version=None,
        former_identity=OLD,
        former_version=None,
    )
    world.swap.exchange(intent)
    world.restart()
    assert world.found == NEW
    world.swap.take_back(intent)
    assert not world.layout.data("alice").exists()
