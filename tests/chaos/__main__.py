"""Make faults and see that everything survives them.

Everything happens on loopback, in a temporary directory that is gone afterwards, also after
Ctrl-C. A violated invariant ends the run with status 1; the same seed makes the same faults again.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.chaos import interrupt
from tests.chaos.errors import Violation
from tests.chaos.faults import FAULTS
from tests.chaos.report import markdown
from tests.chaos.run import USERS, run


def main() -> int:
    """Run, print, perhaps write."""
    options = _options()
    interrupt.by_exception()
    kinds = [fault for fault in FAULTS if not options.only or fault.kind in options.only]
    try:
        done = run(options.seed, options.faults, among=kinds, users=options.users, say=_say)
    except KeyboardInterrupt:
        print("interrupted; everything was cleaned up", file=sys.stderr)
        return 130
    except Violation as violation:
        print(f"VIOLATED: {violation}", file=sys.stderr)
        return 1
    print(markdown(done))
    if options.markdown:
        options.markdown.write_text(markdown(done))
    return 0


def _say(line: str) -> None:
    print(line, flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--faults", type=int, default=len(FAULTS), metavar="N")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    parser.add_argument("--users", type=int, default=USERS, metavar="N")
    kinds = [fault.kind for fault in FAULTS]
    parser.add_argument("--only", action="append", choices=kinds, help="may be given repeatedly")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table there too")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
