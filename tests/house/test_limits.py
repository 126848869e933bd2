"""What one user may take of the machine: a spike ends that user's process, and nobody else's."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from actors import proc
from actors.isolation.hierarchy import find_oom_counter
from bus.states import Status
from tests.house.cgroups import WITHOUT, groups_of, place_for_a_manager
from tests.house.manager import Manager, running_manager
from tests.house.test_access import mint

MIB = 1024 * 1024
LIMIT = 128
SPIKE = f"select hex(zeroblob(10000000)) as spike from json_each('{[1] * 50}')"
"""Answers with fifty rows of 20 MB."""


@pytest.fixture(scope="module")
def house() -> Iterator[Manager]:
    """Return a manager that limits by control groups."""
    with (
        place_for_a_manager() as launcher,
        running_manager(launcher=launcher, memory_limit_mib=LIMIT, cpu_weight=50) as running,
    ):
        yield running


@pytest.fixture(scope="module")
def bare_house() -> Iterator[Manager]:
    """Return a manager on a machine without control groups."""
    if os.geteuid() == 0:
        if subprocess.run([*WITHOUT, "true"], check=False).returncode:
            pytest.skip("control groups cannot be hidden here: unshare --mount is not allowed")
        launcher: tuple[str, ...] = WITHOUT
    else:
        launcher = ()
    with running_manager(launcher=launcher, memory_limit_mib=LIMIT * 4, cpu_weight=50) as running:
        yield running


def spike(manager: Manager, user_id: str) -> None:
    """Have the user's PocketBase take more memory than it may."""
    url = f"{manager.api.instance(user_id)['url']}/api/sql"
    headers = {"Authorization": mint(manager, user_id)["token"]}
    with pytest.raises(requests.ConnectionError):  # it has no time to answer
        requests.post(url, json={"query": SPIKE}, headers=headers, timeout=30)


def own_groups(manager: Manager, user_id: str) -> set[Path]:
    """Return the groups that are the user's own."""
    pid = manager.api.run(user_id)["pid"]
    return {folder for folder in groups_of(pid) if folder.name.startswith("pb_user_")}


def survives_the_spike_of_another(manager: Manager) -> None:
    ben = manager.api.run("ben")
    manager.api.run("ann")
    with manager.listen("ann") as listener:
        spike(manager, "ann")
        failed = listener.until_status(Status.FAILED)[-1]
        again = listener.until_status(Status.RUNNING)[-1]

    assert failed.instance.failure is not None
    assert failed.instance.failure.cause == "oom_killed", failed
    assert again.instance.restarts >= 1
    assert manager.api.instance("ben")["pid"] == ben["pid"]
    assert requests.get(f"{ben['url']}/api/health", timeout=10).status_code == 200


def test_a_spike_ends_one_instance_and_the_cause_says_so(house: Manager) -> None:
    """The kernel kills the process that wants too much; it runs again, and others never noticed."""
    survives_the_spike_of_another(house)


def test_every_user_has_a_group_that_ends_with_its_process(house: Manager) -> None:
    """Two users' processes are in different groups; nothing is left of that of a stopped one."""
    ann, ben = (own_groups(house, user_id) for user_id in ("ann", "ben"))
    assert ann
    assert ann.isdisjoint(ben)
    house.api.stop("ann")

    assert not any(folder.exists() for folder in ann)
    assert all(folder.exists() for folder in ben)


def test_the_limits_are_those_of_the_settings(house: Manager) -> None:
    """What the kernel is told is what was asked for."""
    told = {}
    for folder in own_groups(house, "ann"):
        for name in ("memory.max", "memory.limit_in_bytes", "cpu.weight", "cpu.shares"):
            if (folder / name).exists():
                told[name] = (folder / name).read_text().strip()

    assert (
        told["memory.max" if "memory.max" in told else "memory.limit_in_bytes"] == f"{LIMIT * MIB}"
    )
    assert told.get("cpu.weight", "50") == "50"
    assert told.get("cpu.shares", "512") == "512"


def test_the_limits_outlive_the_manager() -> None:
    """A process that the next manager adopts is limited as before, and a spike is told as such."""
    with (
        place_for_a_manager() as launcher,
        running_manager(launcher=launcher, memory_limit_mib=LIMIT) as manager,
    ):
        pid = manager.api.run("ann")["pid"]
        manager.kill()
        manager.start()
        assert manager.api.instance("ann")["pid"] == pid
        survives_the_spike_of_another(manager)


def test_a_kill_is_not_taken_for_the_want_of_memory_of_others(house: Manager) -> None:
    """Meanwhile the kernel has killed somebody in another group; the machine counts them all."""
    if find_oom_counter() is None:
        pytest.skip("the kernel counts for the whole machine only")
    before = proc.oom_kills()
    with running_manager() as without:
        pid = without.api.run("cid")["pid"]
        house.api.run("dan")
        spike(house, "dan")
        assert proc.oom_kills() > before
        with without.listen("cid") as listener:
            os.kill(pid, signal.SIGKILL)
            failed = listener.until_status(Status.FAILED)[-1]

    assert failed.instance.failure is not None
    assert failed.instance.failure.cause == "killed", failed


def test_without_control_groups_a_process_has_its_own_limit(bare_house: Manager) -> None:
    """The limit holds for what the process reserves; a spike ends it with the same cause."""
    limits = Path(f"/proc/{bare_house.api.run('ann')['pid']}/limits").read_text()
    (line,) = [line for line in limits.splitlines() if line.startswith("Max data size")]
    assert line.split()[3] == f"{LIMIT * 4 * MIB}"
    assert "PB_MEMORY_LIMIT_MIB is RLIMIT_DATA only" in bare_house.last_log()
    survives_the_spike_of_another(bare_house)
