"""One instance, told to a person."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from api.cli.portrait import portrait
from bus.advice import ADVICE
from bus.causes import Cause
from bus.history import Transition
from bus.instance import Failure, Instance
from bus.states import Status
from bus.usage import Usage
from tests.bus.parts import NOW, instance


def failed(cause: Cause, **particulars: object) -> Instance:
    return msgspec.structs.replace(
        instance(status=Status.FAILED),
        pid=None,
        started_at=None,
        reason="It went wrong",
        failure=Failure(cause=cause, **particulars),  # type: ignore[arg-type]
    )


def told(about: Instance, *past: Transition) -> str:
    return "\n".join(portrait(about, NOW + timedelta(minutes=3), past))


@pytest.mark.parametrize("cause", Cause)
def test_a_failure_is_told_with_what_helps(cause: Cause) -> None:
    """Cause, meaning, help, exit status and last lines: nobody has to look elsewhere."""
    text = told(failed(cause, exit_code=-9, output="line one\nline two"))
    assert f"{cause}: {ADVICE[cause].means}" in text
    assert all(each in text for each in ADVICE[cause].helps)
    assert "signal 9" in text
    assert "| line one\n" in text


def test_what_comes_next_depends_on_the_cause() -> None:
    """A person is needed, or the manager goes on by itself."""
    assert "nothing before `pblm start alice`" in told(failed(Cause.DATA_CORRUPT))
    assert "it is tried again" in told(failed(Cause.KILLED))


def test_one_that_runs_has_an_address_and_numbers() -> None:
    """Where it is, since when, and what it takes."""
    usage = Usage(sampled_at=NOW, cpu_percent=1.5, memory_bytes=20 * 2**20, connections=3)
    text = told(msgspec.structs.replace(instance(), usage=usage))
    assert "http://127.0.0.1:9123 (pid 4711)" in text
    assert "3m 0s" in text
    assert "CPU 1.5%, memory 20.0M, connections 3" in text


def test_one_of_a_cluster_says_on_which_host_it_is() -> None:
    """Its address and its data are of that host; one host alone has no name to tell."""
    assert "host      h2" in told(msgspec.structs.replace(instance(), host="h2"))
    assert "host " not in told(instance())


def test_one_that_is_backed_up_says_how_old_that_is() -> None:
    """The last backup, and the last one that is known to be of use."""
    kept = msgspec.structs.replace(instance(), last_backup=NOW, last_proven_backup=None)
    assert "last 3m 0s ago; one that PocketBase has run on: none yet" in told(kept)
    proven = msgspec.structs.replace(kept, last_proven_backup=NOW - timedelta(hours=1))
    assert "has run on: 1h 3m ago" in told(proven)


def test_one_without_a_process_has_no_address() -> None:
    """A port that it had is nothing that can be called."""
    assert "http://" not in told(failed(Cause.KILLED))


def test_what_it_went_through_is_told_last() -> None:
    """Each step with its reason."""
    step = Transition(
        at=NOW, run=1, status=Status.STARTING, reason="init_pb was called", failure=None
    )
    assert told(instance(), step).endswith("Starting: init_pb was called")


def test_one_that_is_deleted_says_how_to_get_it_back() -> None:
    """The data is still there."""
    text = told(msgspec.structs.replace(instance(status=Status.STOPPED), deleted_at=NOW))
    assert "`pblm undelete alice` brings it back" in text
