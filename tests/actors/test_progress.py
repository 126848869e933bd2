"""A program that gets nowhere is given up, and no other."""

from __future__ import annotations

import sys

import pytest

from actors.process import LOOK, run_program

STALL = 2 * LOOK
READS = "import time\nfor _ in range(15):\n  open('/dev/zero', 'rb').read(4096); time.sleep(0.1)"
WORKS = "import time\nends = time.monotonic() + 1.5\nwhile time.monotonic() < ends: pass"


def test_a_program_that_waits_in_vain_is_given_up() -> None:
    """Long before its time is over."""
    with pytest.raises(TimeoutError, match="got nowhere"):
        run_program(["/bin/sleep", "60"], env=None, timeout=60, stall=STALL)


@pytest.mark.parametrize("script", [READS, WORKS])
def test_a_program_that_gets_on_is_not(script: str) -> None:
    """Be it slow, or silent while it works: it takes three times as long as it may wait."""
    ended = run_program([sys.executable, "-S", "-c", script], env=None, timeout=60, stall=STALL)
    assert (ended.code, ended.output) == (0, "")
