"""Who may remove a user's data for good, where there are several hosts."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import msgspec

from actors.clock import FakeClock
from actors.cluster.claims import Claims
from actors.cluster.fence import Fence
from actors.cluster.jobs import Jobs
from actors.cluster.tenancy import Tenancy
from actors.supervisor import HOUSEKEEPING
from bus.requests import DeleteInstance
from tests.actors.house import opened


def test_a_host_that_was_lost_purges_nobody(tmp_path: Path) -> None:
    """When it has joined again, it purges whom it has claimed under that membership."""
    fence, jobs = Fence(lambda: 0.0), Jobs(FakeClock(), 1)
    with opened(tmp_path / "dbs", delete_grace=60) as house:
        house.run()
        house.stop()
        house.end()
        house.ask(DeleteInstance(user_id="alice"))
        house.store.put(msgspec.structs.replace(house.record(), incarnation=1))
        house.tenancy = Tenancy("mark", None, fence, cast("Claims", None), jobs)
        house.crash()
        house.recover()

        house.advance(60 + HOUSEKEEPING)
        assert house.record().deleted_at is not None

        fence.open(1, until=1.0)
        house.advance(HOUSEKEEPING)
        assert house.store.get("alice") is None
    jobs.close()
