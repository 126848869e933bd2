"""A user on the way to another host: it stands still here until it is known whose it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from actors.cluster.coordination import Membership
from actors.cluster.directory import State
from actors.cluster.duties import FIRST
from actors.cluster.steward import AGAIN
from actors.data.orders import Disown, StandStill, TakeUser
from actors.facts import Asked
from bus.errors import Conflict, Unavailable
from bus.requests import DeleteInstance, InitInstance, UserRequest
from bus.states import Status
from tests.actors.house import Caller
from tests.cluster.bench import Bench, bench_of
from tests.cluster.paper import ME
from tests.house.surroundings import eventually

OTHER = Membership(host="h2", incarnation=5, lease=2)
STILL = StandStill(user_id="alice", reason="It moves to h2")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Return one where alice runs."""
    with bench_of(tmp_path) as made:
        made.join()
        made.run("alice")
        made.paper.come(OTHER)
        made.step()
        yield made


def let_in(bench: Bench, request: UserRequest) -> Caller:
    """Ask as somebody who was let in before the move began."""
    caller = Caller()
    bench.house.supervisor.tell(Asked(request=request, reply=caller.answers.put))
    return caller


def stand_still(bench: Bench) -> None:
    """Have it stand still for a move that was told to the hosts."""
    bench.handover.begin("alice", "h2")
    still = bench.order(STILL)
    bench.house.settle()
    bench.house.end("alice")
    assert still.instance().status is Status.STOPPED


def taken() -> TakeUser:
    return TakeUser(user_id="alice", epoch=1, incarnation=ME.incarnation, reason="It stays")


def test_who_was_let_in_before_a_move_does_not_run_it_again(bench: Bench) -> None:
    """Neither while it stops nor later, until it is this host's again."""
    still = bench.order(STILL)
    late = [let_in(bench, InitInstance(user_id="alice"))]
    bench.house.settle()
    bench.house.end("alice")
    assert still.instance().status is Status.STOPPED
    late += [let_in(bench, each(user_id="alice")) for each in (InitInstance, DeleteInstance)]
    bench.order(Disown(user_id="alice")).instance()
    late.append(let_in(bench, InitInstance(user_id="alice")))
    assert [each.error().code for each in late] == [Unavailable.code] * 4
    assert bench.house.alive() == 0
    bench.order(taken()).instance()
    bench.run("alice")


def test_what_runs_is_not_disowned(bench: Bench) -> None:
    """It could be started elsewhere then, while it runs here."""
    assert bench.order(Disown(user_id="alice")).error().code == Conflict.code
    assert bench.house.record().incarnation == ME.incarnation


def test_a_move_that_was_given_up_is_not_carried_out(bench: Bench) -> None:
    """Whoever comes late with it hands nothing over; nor do two move somebody at a time."""
    stand_still(bench)
    with pytest.raises(Conflict, match="moves to h2 already"):
        bench.handover.begin("alice", "h2")
    bench.steward.stay("alice", "h2", resume=False)
    eventually(lambda: bench.place("alice").state is not State.MOVING, "it stays")
    with pytest.raises(Unavailable, match="any more"):
        bench.handover.hand_over("alice", "h2", None, 0)
    assert bench.place("alice").host == "h1"


def test_it_stays_although_etcd_is_away_when_the_move_fails(bench: Bench) -> None:
    """It was forgotten: it stood still until this host joined anew."""
    stand_still(bench)
    bench.paper.away = True
    bench.steward.stay("alice", "h2", resume=True)
    eventually(lambda: FIRST in bench.house.clock.due(), "it is to be tried again")
    bench.paper.away = False
    bench.house.clock.advance(FIRST)
    eventually(lambda: bench.house.alive() == 1, "it runs again")
    assert bench.place("alice").host == "h1"


def test_who_has_gone_late_is_let_go(bench: Bench) -> None:
    """The mover does not wait for ever; what was left behind is set aside all the same."""
    stand_still(bench)
    bench.order(Disown(user_id="alice")).instance()
    bench.handover.hand_over("alice", "h2", None, 0)
    bench.step()
    assert bench.house.store.get("alice") is not None
    claimed = msgspec.structs.replace(
        bench.place("alice"), host="h2", incarnation=5, epoch=2, state=State.RUNNING, target=None
    )
    bench.paper.put("alice", claimed)
    bench.house.clock.advance(AGAIN)
    bench.step()
    eventually(lambda: bench.house.store.get("alice") is None, "it is let go")
    assert len(list(bench.house.layout.lost_and_found.iterdir())) == 1
    assert bench.place("alice") == claimed
