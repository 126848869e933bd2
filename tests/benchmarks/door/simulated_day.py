"""A day of a town, compressed: each visitor is answered by the right user's instance, or it fails.

A second of the run stands for as much of the day as ``DAY`` says. An instance sleeps after a
second that nobody uses it.
"""

from __future__ import annotations

import asyncio
import random
import statistics
from collections import Counter

from tests.benchmarks.door import town
from tests.benchmarks.door.gate import GatedManager
from tests.benchmarks.door.schedule import day
from tests.benchmarks.door.visitors import Seen, Visitors
from tests.benchmarks.door.watch import Watch
from tests.benchmarks.plan import Plan
from tests.benchmarks.table import Row

USERS = 2000
SEED = 7
DAY = 86_400.0
PORTS = 400
RECOUNTED = 30
"""So many users are asked at the end whether they have all that was stored."""


def measure(plan: Plan) -> list[Row]:
    """Live through the day, and recount."""
    seconds = plan.counts.day_seconds
    visits = day(USERS, plan.counts.visits, seconds, SEED)
    settings = town.build(plan, USERS, {visit.user for visit in visits})
    with GatedManager(plan, ports=PORTS, PB_IDLE_TIMEOUT="1", **settings) as manager:
        manager.await_door(town.name(0))
        visitors = Visitors(manager.door, manager.settings.domain)
        with Watch(manager) as watch:
            asyncio.run(visitors.spend(visits))
        lost = asyncio.run(_recount(visitors))
    for failure in (*visitors.seen.failures[:20], *watch.failed[:20]):
        print(failure)
    return [*_answers(visitors.seen, len(visits), lost), *_house(watch, seconds)]


async def _recount(visitors: Visitors) -> int:
    """Return how much is missing of what was stored for some of the users."""
    stored = visitors.seen.stored
    some = random.Random(SEED).sample(sorted(stored), min(RECOUNTED, len(stored)))
    return sum([stored[user] - await visitors.count_stored(user) for user in some])


def _answers(seen: Seen, visits: int, lost: int) -> list[Row]:
    kinds = Counter(first=len(seen.first), later=len(seen.later))
    return [
        Row(what=f"a day of {USERS} users: visits", unit="", ours=[visits]),
        Row(what=f"requests ({seen.streams} of them streams)", unit="", ours=[seen.requests]),
        Row(
            what="of them failed, or answered by another user's instance",
            unit="",
            ours=[len(seen.failures)],
            target="0",
            met=not seen.failures,
        ),
        Row(
            what=f"of {sum(seen.stored.values())} records stored, missing (a sample)",
            unit="",
            ours=[lost],
            target="0",
            met=lost == 0,
        ),
        Row(what="first answer of a visit", unit="ms", ours=_ms(seen.first)),
        Row(what=f"later answers ({kinds['later']})", unit="ms", ours=_ms(seen.later)),
    ]


def _house(watch: Watch, seconds: float) -> list[Row]:
    each = statistics.median(watch.each)
    asleep = [taken + ours for taken, ours in zip(watch.instances, watch.ours, strict=True)]
    return [
        Row(what=f"the day took {seconds:g} s: one is", unit="s of it", ours=[DAY / seconds]),
        Row(what="awake at most", unit="", ours=[watch.awake_at_most]),
        Row(what="wakes, Starting to Running", unit="ms", ours=_ms(watch.wakes)),
        Row(what="fell asleep", unit="", ours=[watch.asleep_again]),
        Row(
            what="starts that failed",
            unit="",
            ours=[len(watch.failed)],
            target="0",
            met=not watch.failed,
        ),
        Row(what="PSS of instances, manager and door", unit="MiB", ours=asleep),
        Row(what="of it, the manager and the door", unit="MiB", ours=watch.ours),
        Row(
            what=f"PSS with all {USERS} awake, at {each:.1f} MiB each",
            unit="MiB",
            ours=[USERS * each + statistics.median(watch.ours)],
        ),
    ]


def _ms(seconds: list[float]) -> list[float]:
    return [1000 * each for each in seconds]
