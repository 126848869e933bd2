"""The protocol page says what the code does, and its examples run where Node is."""

from __future__ import annotations

import re
import select
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from bus import codec, hub
from bus.requests import MAX_PAGE
from tests.docs.pages import ROOT, page, sections
from tests.house.manager import manager_of
from tests.house.surroundings import eventually

EXAMPLE = ROOT / "docs" / "examples" / "node"


@pytest.fixture(scope="module")
def node(pytestconfig: pytest.Config) -> Path:
    """Return a directory in which Node finds ZeroMQ: installed once, and kept for the next run."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("there is no Node here")
    kept = pytestconfig.cache.mkdir("pblm-node")
    if not (kept / "node_modules" / "zeromq").exists():
        shutil.copy(EXAMPLE / "package.json", kept)
        command = [npm, "install", "--no-audit", "--no-fund", "--prefer-offline"]
        try:
            subprocess.run(command, cwd=kept, capture_output=True, timeout=45, check=True)
        except (subprocess.SubprocessError, OSError) as error:
            pytest.skip(f"npm cannot install ZeroMQ here: {error}")
    return kept


@contextmanager
def running(script: Path, *arguments: str) -> Iterator[IO[str]]:
    """Run the script, and yield what it writes."""
    command = ["node", str(script), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout
        finally:
            process.kill()


def until(written: IO[str], text: str) -> list[str]:
    """Return the lines up to the one that has the text."""
    heard = []
    for line in iter(written.readline, ""):
        heard.append(line)
        if text in line:
            return heard
    raise AssertionError(f"{text!r} was not written; {heard}")


def test_the_limits_are_those_of_the_code() -> None:
    """What a client may send and ask for is what the manager takes."""
    limits = {row[0]: row[1] for row in sections("protocol")["Limits"].rows()}
    assert limits["a request"] == f"{codec.MAX_FRAME // 1024} KiB"
    assert limits["a frame that you send"] == f"{hub.MAX_MESSAGE // 1024**2} MiB"
    waiting = limits["events that wait for a slow subscriber"]
    assert waiting == f"{hub.EVENT_HIGH_WATER_MARK:,}"
    assert f"{MAX_PAGE:,}" in limits["instances in one answer"]


def test_ten_lines_of_node_hear_a_change(node: Path) -> None:
    """The example on the page runs as it stands there."""
    (code,) = re.findall(r"^```js\n(.*?)^```", page("protocol").text, re.MULTILINE | re.DOTALL)
    assert len(code.strip().splitlines()) <= 11
    script = node / "ten-lines.mjs"
    script.write_text(code)
    with manager_of() as manager:
        manager.start()
        with running(script, manager.settings.event_endpoint) as written:

            def heard() -> bool:
                manager.api.run("ann", force_restart=True)  # nothing tells when somebody listens
                return bool(select.select([written], [], [], 0)[0])

            eventually(heard, "Node hears of a change")
            assert re.match(r"ann: \w+ -> \w+: .+", written.readline())
        manager.stop()


def test_a_node_client_misses_nothing(node: Path) -> None:
    """It begins with a picture, tells every change, and begins anew with another manager."""
    script = shutil.copy(EXAMPLE / "watch.mjs", node)
    with manager_of() as manager:
        manager.start()
        at = manager.settings
        with running(Path(script), at.command_endpoint, at.event_endpoint) as written:
            assert written.readline() == "now: no instances\n"
            manager.api.run("ann")
            manager.api.stop("ann")
            assert [line.partition(": It ")[0] for line in until(written, "-> Stopped")] == [
                "ann: null -> Starting: init_pb was called\n",
                "ann: Starting -> Running",
                "ann: Running -> Stopping: stop_pb was called\n",
                "ann: Stopping -> Stopped",
            ]
            manager.stop()
            manager.start()
            assert written.readline() == "now: ann Stopped\n"
        manager.stop()
