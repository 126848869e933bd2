"""When to start again what has failed."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from actors.restart import RestartPolicy

policies = st.builds(
    RestartPolicy,
    first=st.floats(0.01, 10),
    factor=st.floats(1, 4),
    crash_loop=st.integers(1, 20),
    slow=st.floats(10, 1000),
    jitter=st.floats(0, 0.9),
)
failures = st.integers(1, 100)


@given(policies, failures, st.booleans())
def test_delays_are_bounded(policy: RestartPolicy, count: int, was_running: bool) -> None:
    """No delay is negative or longer than the slow one with its jitter."""
    delay = policy.delay(count, was_running=was_running)
    assert 0 <= delay <= policy.slow * (1 + policy.jitter)


@given(policies, failures)
def test_jitter_stays_around_the_plain_delay(policy: RestartPolicy, count: int) -> None:
    """A delay differs from the one without jitter by the promised share at most."""
    plain = RestartPolicy(
        first=policy.first,
        factor=policy.factor,
        crash_loop=policy.crash_loop,
        slow=policy.slow,
        jitter=0.0,
    ).delay(count, was_running=False)
    delay = policy.delay(count, was_running=False)
    assert abs(delay - plain) <= plain * policy.jitter * (1 + 1e-9)


@given(policies, st.booleans())
def test_delays_never_get_shorter(policy: RestartPolicy, was_running: bool) -> None:
    """Without jitter every further failure is waited after at least as long as the former."""
    steady = RestartPolicy(
        first=policy.first, factor=policy.factor, crash_loop=policy.crash_loop, jitter=0.0
    )
    delays = [steady.delay(count, was_running=was_running) for count in range(1, 30)]
    assert all(earlier <= later for earlier, later in pairwise(delays))


@given(policies, failures, st.booleans())
def test_only_the_first_restart_of_what_was_running_is_immediate(
    policy: RestartPolicy, count: int, was_running: bool
) -> None:
    """A single crash is answered at once; whatever fails again, or never ran, waits."""
    immediate = policy.delay(count, was_running=was_running) == 0
    assert immediate == (was_running and count == 1)


def test_the_default_delays() -> None:
    """Half a second, doubled up to the crash loop, and then five minutes."""
    policy = RestartPolicy(jitter=0.0)
    delays = [policy.delay(count, was_running=False) for count in range(1, 8)]
    assert delays == [0.5, 1.0, 2.0, 4.0, 8.0, 300.0, 300.0]


def test_a_crash_loop_begins_where_it_is_said() -> None:
    """The sixth failure in a row is a crash loop, the fifth is not."""
    policy = RestartPolicy()
    assert [policy.is_crash_loop(count) for count in (5, 6, 7)] == [False, True, True]


def test_jitter_spreads_a_fleet() -> None:
    """Instances that fail together are not started together."""
    policy = RestartPolicy()
    assert len({policy.delay(2, was_running=True) for _ in range(20)}) > 10
