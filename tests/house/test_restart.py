"""A manager that ends and comes again: users and subscribers go on where they were."""

from __future__ import annotations

import signal

from bus.events import StatusChanged
from bus.states import Status
from bus.subscriber import Snapshot
from tests.house.listener import Listener
from tests.house.manager import Manager, manager_of


def picture(manager: Manager) -> dict[str, tuple[str, int | None]]:
    """Return what the manager says of its instances."""
    return {user: (one["status"], one["pid"]) for user, one in manager.api.instances().items()}


def hear_until(listener: Listener, wanted: dict[str, Status], epoch: str) -> Snapshot:
    """Keep a picture by what is heard, until it shows what is ``wanted``; return it."""
    known = Snapshot(epoch=epoch, seq=0, instances={})
    while {user: one.status for user, one in known.instances.items()} != wanted:
        update = listener.receive()
        if isinstance(update, Snapshot):
            known = update
        elif isinstance(update, StatusChanged):
            known.instances[update.user_id] = update.instance
    return known


def test_a_subscriber_lives_through_a_restart_of_the_manager(closed_manager: Manager) -> None:
    """Who subscribed to a manager that went away knows of its successor what that one knows."""
    manager = closed_manager
    manager.start()
    with manager.listen() as listener:
        manager.api.run("ann")
        manager.api.run("ben")
        manager.api.stop("ben")
        listener.until_status(Status.STOPPED, "ben")
        manager.stop()
        manager.start()
        manager.api.run("cem")
        wanted = {"ann": Status.RUNNING, "ben": Status.STOPPED, "cem": Status.RUNNING}
        known = hear_until(listener, wanted, epoch="")

        assert known.epoch not in ("", listener.snapshot.epoch)
        assert {user: (one.status, one.pid) for user, one in known.instances.items()} == (
            picture(manager)
        )
    manager.stop()


def test_users_run_again_after_a_restart_of_the_manager(closed_manager: Manager) -> None:
    """Who wanted to run when the manager ended runs again with the next one, without a call."""
    manager = closed_manager
    manager.start()
    port = manager.api.run("ann")["port"]
    manager.api.run("ben")
    manager.api.stop("ben")
    manager.stop()
    manager.start()
    with manager.listen() as listener:
        wanted = {"ann": Status.RUNNING, "ben": Status.STOPPED}
        known = listener.snapshot
        if known.instances["ann"].status is not Status.RUNNING:
            listener.until_status(Status.RUNNING, "ann")

    found = manager.api.instances()
    assert {user: one["status"] for user, one in found.items()} == wanted
    assert found["ann"]["port"] == port
    manager.stop()


def test_what_a_killed_manager_left_is_adopted(closed_manager: Manager) -> None:
    """The next manager goes on with the processes of one that was killed, and watches them."""
    manager = closed_manager
    manager.start()
    before = {user: manager.api.run(user)["pid"] for user in ("ann", "ben")}
    manager.kill()
    manager.start()

    after = {user: manager.api.run(user)["pid"] for user in ("ann", "ben")}
    assert after == before
    assert manager.api.stop("ann")["status"] == "Stopped"
    manager.stop()


def test_kept_instances_run_on_without_a_manager() -> None:
    """With ``PB_ON_EXIT=keep`` an orderly end leaves the instances to the next manager."""
    with manager_of(on_exit="keep") as manager:
        manager.start()
        before = manager.api.run("ann")
        manager.api.run("ben")
        manager.api.stop("ben")
        manager.send(signal.SIGTERM)
        manager.await_end(kept=[before["pid"]])
        manager.start()

        assert manager.api.run("ann")["pid"] == before["pid"]
        assert manager.api.instance("ben")["status"] == "Stopped"
        manager.api.stop("ann")
        manager.stop()
