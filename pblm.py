"""``pblm``: the command line. What needs the whole house loads it only when it is called for."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

from api.cli.app import run
from api.cli.house import Finding, house_commands
from bus.settings import Settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; return the exit status."""
    return run(house_commands(_serve, _examine), arguments)


def _serve(settings: Settings) -> int:
    from run_all import serve

    return serve(settings)


def _examine(settings: Settings, instances: int) -> Iterator[Finding]:
    from actors.doctor import examine

    return examine(settings, instances=instances)


if __name__ == "__main__":
    sys.exit(main())
