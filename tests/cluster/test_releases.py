"""Which etcds an operator is warned of."""

from __future__ import annotations

from pathlib import Path

import pytest

from actors.cluster.atlas import Atlas
from actors.cluster.etcd import Etcd
from actors.cluster.releases import ISSUE, is_cured
from actors.cluster.steward import HEED
from actors.doctor import Finding, Level, examine
from bus.settings import Settings
from tests.cluster.bench import bench_of
from tests.etcd import Etcd as Engine
from tests.etcd import version
from tests.house.surroundings import eventually
from tests.ports import free_ports


@pytest.mark.parametrize(
    ("release", "cured"),
    [
        ("3.3.27", False),
        ("3.4.23", False),
        ("3.4.30", False),
        ("3.4.31", True),
        ("3.5.1", False),
        ("3.5.12", False),
        ("3.5.13", True),
        ("3.5.16", True),
        ("3.6.0-rc.1", True),
        ("unknown", False),
    ],
)
def test_the_cure_is_in_two_lines_of_releases(release: str, cured: bool) -> None:
    """That of 3.4, and 3.5 with all that follows."""
    assert is_cured(release) is cured


def test_a_host_tells_of_an_etcd_that_is_too_old(
    agreed: Etcd, caplog: pytest.LogCaptureFixture
) -> None:
    """In its log, and to whoever asks it for the cluster."""
    atlas = Atlas("h1", agreed, grace=0.0)
    atlas.start()
    assert atlas.wait_loaded(20)
    if not is_cured(version()):
        eventually(lambda: bool(atlas.warnings()), "it is told")
    agreed.close()
    atlas.close()
    told = [warning for warning in atlas.warnings() if ISSUE in warning]
    assert bool(told) != is_cured(version())
    assert [each.message for each in caplog.records if each.levelname == "WARNING"] == told


def test_a_member_that_is_gone_is_told(engine: Engine) -> None:
    """The others are enough for everything else."""
    nobody = f"http://127.0.0.1:{free_ports(1)}"
    agreed = Etcd(Settings(cluster_etcd=(engine.urls, nobody), replica_url="/nowhere"))
    told = f"{nobody}, a member of etcd, does not answer"
    assert told in agreed.warnings()
    assert not any(engine.urls in each and "answer" in each for each in agreed.warnings())
    agreed.close()


def test_how_the_members_are_is_looked_at_now_and_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the host is in its cluster; what is over is not told any more."""
    with bench_of(tmp_path) as bench:
        bench.join()
        for warnings in (["one is gone"], []):
            monkeypatch.setattr(bench.paper, "warnings", lambda warnings=warnings: warnings)
            bench.step()
            bench.house.clock.advance(HEED)
            bench.step()
            eventually(lambda w=warnings: list(bench.atlas.warnings()) == w, "it is known")  # type: ignore[misc]


def found(tmp_path: Path, urls: str) -> Finding:
    settings = Settings(
        cluster_etcd=tuple(urls.split(",")), replica_url="/none", user_dbs_path=tmp_path
    )
    return next(each for each in examine(settings, instances=1) if each.name == "etcd")


def test_the_doctor_looks_at_etcd(engine: Engine, tmp_path: Path) -> None:
    """Too old, or silent: a warning; an error when most of the members are."""
    nobody = f"http://127.0.0.1:{free_ports(1)}"
    well = Level.OK if is_cured(version()) else Level.WARNING
    assert found(tmp_path, engine.urls).level is well
    assert found(tmp_path, f"{engine.urls},{engine.urls},{nobody}").level is Level.WARNING
    lost = found(tmp_path, f"{engine.urls},{nobody}")
    assert (lost.level, lost.what) == (Level.ERROR, f"{nobody} does not answer")
