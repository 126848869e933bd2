"""Which port is whose."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from queue import SimpleQueue

import pytest

from actors.clock import FakeClock
from actors.facts import ClaimPort, ParkPort, ReleasePort, ReservePort
from actors.ports import COOLING, PortRegistry, is_free, preferred_offset
from tests.actors.fakes import PATIENCE

BASE, RANGE = 20_000, 10
ALICE, BOB = BASE + 7, BASE
"""What the two prefer."""

OFFSETS = {"alice": 207, "bob": 650, "user-1": 594, "Bob": 396, "a.b_c@d+e-f": 164}


class Ports:
    """A registry of ports, asked as actors ask it."""

    def __init__(self, taken: set[int]) -> None:
        self.taken = taken
        self.clock = FakeClock()
        self.ref = PortRegistry.start(
            BASE, RANGE, self.clock, is_free=lambda port: port not in taken
        )

    def reserve(
        self, user_id: str, *, last: int | None = None, avoid: frozenset[int] = frozenset()
    ) -> int | None:
        """Reserve a port and wait for the answer."""
        return self.ask(user_id, last=last, avoid=avoid).get(timeout=PATIENCE)

    def ask(
        self, user_id: str, *, last: int | None = None, avoid: frozenset[int] = frozenset()
    ) -> SimpleQueue[int | None]:
        """Reserve a port, and return where the answer will be."""
        answer: SimpleQueue[int | None] = SimpleQueue()
        self.ref.tell(ReservePort(user_id=user_id, last=last, avoid=avoid, reply=answer.put))
        return answer

    def release(self, user_id: str) -> None:
        """Give the user's port back, a good while ago."""
        self.ref.tell(ReleasePort(user_id=user_id))
        self.reserve("nobody", avoid=frozenset(range(BASE, BASE + RANGE)))  # it has been read
        self.clock.advance(COOLING)


@pytest.fixture
def ports() -> Iterator[Ports]:
    ports = Ports(set())
    yield ports
    ports.ref.stop()


@pytest.mark.parametrize(("user_id", "offset"), OFFSETS.items())
def test_the_hash_is_the_same_everywhere(user_id: str, offset: int) -> None:
    """A user's preferred port depends on the user id alone, in every run and on every machine."""
    assert preferred_offset(user_id, 1000) == offset


def test_the_hash_stays_in_the_range() -> None:
    """A range of one port leaves no choice."""
    assert {preferred_offset(f"user{n}", 1) for n in range(50)} == {0}


def test_a_new_user_gets_the_preferred_port(ports: Ports) -> None:
    """The first choice is the hashed port."""
    assert ports.reserve("alice") == ALICE
    assert ports.reserve("bob") == BOB


def test_the_last_port_is_preferred_again(ports: Ports) -> None:
    """A user who had a port before gets it back, whatever the hash says."""
    assert ports.reserve("alice", last=BASE + 1) == BASE + 1


@pytest.mark.parametrize("last", [BASE - 1, BASE + RANGE])
def test_a_last_port_outside_the_range_is_forgotten(ports: Ports, last: int) -> None:
    """A port of another PB_BASE_PORT is not handed out."""
    assert ports.reserve("alice", last=last) == ALICE


def test_a_taken_port_gives_way_to_the_next(ports: Ports) -> None:
    """The next free port follows one that a stranger listens on or a user has."""
    ports.taken.add(ALICE)
    assert ports.reserve("bob", last=ALICE + 1) == ALICE + 1
    assert ports.reserve("alice") == ALICE + 2


def test_ports_to_avoid_are_avoided(ports: Ports) -> None:
    """A port that turned out to be taken is not tried again in the same start."""
    assert ports.reserve("alice", last=ALICE, avoid=frozenset({ALICE})) == ALICE + 1


def test_the_search_wraps_round(ports: Ports) -> None:
    """Behind the last port of the range comes the first."""
    ports.taken.update(range(ALICE, BASE + RANGE))
    assert ports.reserve("alice") == BASE


def test_the_whole_range_is_used_and_then_none(ports: Ports) -> None:
    """Ten users share ten ports, and the eleventh is told that there is none."""
    given = {ports.reserve(f"user{n}") for n in range(RANGE)}
    assert given == set(range(BASE, BASE + RANGE))
    assert ports.reserve("late") is None
    ports.release("user3")
    assert ports.reserve("late") is not None


def test_a_released_port_is_free(ports: Ports) -> None:
    """What one user released another may have; releasing twice is harmless."""
    ports.reserve("alice")
    for _ in range(2):
        ports.release("alice")
    assert ports.reserve("bob", last=ALICE) == ALICE


def test_a_freed_port_is_nobody_elses_for_a_while(ports: Ports) -> None:
    """A door that thinks a user is still there must not find another one; itself it may."""
    ports.reserve("alice")
    ports.ref.tell(ReleasePort(user_id="alice"))
    assert ports.reserve("bob", last=ALICE) == BOB
    assert ports.reserve("alice", last=ALICE) == ALICE
    ports.release("alice")
    assert ports.reserve("carol", last=ALICE) == ALICE


def test_when_only_warm_ports_are_left_a_start_waits(ports: Ports) -> None:
    """The last port that was just freed is given to another as soon as it has cooled."""
    for n in range(RANGE):
        ports.reserve(f"user{n}")
    ports.ref.tell(ReleasePort(user_id="user3"))
    early, late = ports.ask("early"), ports.ask("late")
    assert ports.reserve("user4", last=BASE) is not None  # the others were read
    ports.clock.advance(COOLING - 0.1)
    assert early.empty()
    ports.clock.advance(0.1)
    assert early.get(timeout=PATIENCE) is not None
    assert late.get(timeout=PATIENCE) is None


def test_the_longest_free_port_is_handed_out_first(ports: Ports) -> None:
    """When every port was somebody's already, the one that is free for longest goes first."""
    given = {n: ports.reserve(f"user{n}") for n in range(RANGE)}
    for n in (5, 2, 8):
        ports.release(f"user{n}")
    stranger = frozenset({preferred for preferred in given.values() if preferred is not None})
    assert stranger == set(range(BASE, BASE + RANGE))
    assert [ports.reserve(f"new{n}", last=given[5]) for n in range(3)] == [
        given[5],
        given[2],
        given[8],
    ]


def test_a_sleeper_keeps_its_port(ports: Ports) -> None:
    """Nobody else gets it, also who prefers it, and it is there when the sleeper wakes."""
    ports.reserve("alice")
    ports.ref.tell(ParkPort(user_id="alice", port=ALICE))
    assert ports.reserve("bob", last=ALICE) == BOB
    assert ports.reserve("alice", last=ALICE) == ALICE


def test_a_sleepers_port_is_the_last_to_go(ports: Ports) -> None:
    """When no other port is left, that of the longest sleeper is given away, and no warm one."""
    for n in range(RANGE):
        ports.ref.tell(ClaimPort(user_id=f"user{n}", port=BASE + n))
    for n in (4, 1):
        ports.ref.tell(ParkPort(user_id=f"user{n}", port=BASE + n))
    assert ports.reserve("new") == BASE + 4
    assert ports.reserve("user1", last=BASE + 1) == BASE + 1
    assert ports.reserve("user4", last=BASE + 4) is None


def test_reserving_again_releases_the_former(ports: Ports) -> None:
    """A user never has two ports."""
    ports.reserve("alice")
    assert ports.reserve("alice", avoid=frozenset({ALICE})) == ALICE + 1
    ports.clock.advance(COOLING)
    assert ports.reserve("bob", last=ALICE) == ALICE


def test_a_claimed_port_is_taken(ports: Ports) -> None:
    """An adopted process keeps its port, and its user no other one."""
    ports.reserve("alice")
    ports.ref.tell(ClaimPort(user_id="alice", port=BOB))
    assert ports.reserve("bob") == BOB + 1
    ports.clock.advance(COOLING)
    assert ports.reserve("carol", last=ALICE) == ALICE


@pytest.mark.parametrize("order", [("alice", "bob"), ("bob", "alice")])
def test_a_port_may_be_claimed_from_another(ports: Ports, order: tuple[str, str]) -> None:
    """When a process is found on a port that was given away, both can give it back."""
    assert ports.reserve("bob", last=ALICE) == ALICE
    ports.ref.tell(ClaimPort(user_id="alice", port=ALICE))
    assert ports.reserve("carol", last=ALICE) != ALICE
    for user in order:
        ports.release(user)
    assert ports.reserve("dave", last=ALICE) == ALICE


def test_what_is_not_understood_does_not_hurt(ports: Ports) -> None:
    """A foreign message is logged, and the registry lives on."""
    ports.ref.tell("nonsense")
    assert ports.reserve("alice") == ALICE


def listener(host: str) -> socket.socket:
    """Listen on a port of the kernel's choice."""
    found = socket.socket()
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    found.bind((host, 0))
    found.listen()
    return found


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_port_that_is_listened_on_is_taken(host: str) -> None:
    """A foreign listener takes the port, on loopback as on all addresses."""
    with listener(host) as foreign:
        assert not is_free(foreign.getsockname()[1])


def test_a_port_nobody_listens_on_is_free() -> None:
    """A port is free again when its listener is gone."""
    with listener("127.0.0.1") as foreign:
        port = foreign.getsockname()[1]
    assert is_free(port)


def test_looking_does_not_take_the_port() -> None:
    """The look at a port leaves nothing behind that would be in the way."""
    with listener("127.0.0.1") as foreign:
        port = foreign.getsockname()[1]
    assert is_free(port)
    assert is_free(port)


def test_a_port_in_time_wait_is_free() -> None:
    """Connections that are merely closing do not count as taken."""
    with ExitStack() as stack:
        server = stack.enter_context(listener("127.0.0.1"))
        port = server.getsockname()[1]
        client = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        accepted, _ = server.accept()
        accepted.close()  # the side that closes first waits
        assert client.recv(1) == b""
    assert lies_in_time_wait(port)
    assert is_free(port)


def lies_in_time_wait(port: int) -> bool:
    """Whether the kernel lists a closing connection of ``port``."""
    with open("/proc/net/tcp", encoding="ascii") as table:
        rows = [line.split() for line in table]
    return any(row[1].endswith(f":{port:04X}") and row[3] == "06" for row in rows)
