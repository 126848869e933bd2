"""A manager that kills itself at one step of a replacement: before or after it.

Run with the number of the step and the manager's own environment. A step changes files or the
registry for good while a user's data are replaced; each counts twice, before and after it, from the
moment at which the replacement begins.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import run_all
from actors.data import replacement, swap
from actors.store import Store

STEPS = ((swap, "remove"), (swap, "rename"), (swap, "write_file"), (Store, "put"))


def main(kill_at: int) -> int:
    """Serve until the step is reached; ``kill_at`` counts what is before and after each step."""
    count = -1

    def reached() -> None:
        nonlocal count
        if count >= 0:
            if count == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
            count += 1

    def watched(work: Callable[..., Any]) -> Callable[..., Any]:
        def step(*args: Any, **kwargs: Any) -> Any:
            reached()
            result = work(*args, **kwargs)
            reached()
            return result

        return step

    begin = replacement.Replacement.serve

    def began(*args: Any) -> Any:
        nonlocal count
        count = 0
        return begin(*args)

    for owner, name in STEPS:
        setattr(owner, name, watched(getattr(owner, name)))
    replacement.Replacement.serve = began  # type: ignore[assignment, method-assign]
    return run_all.main(["serve"])


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
