"""``pblm ready``: for health checks, and for scripts that start a manager."""

from __future__ import annotations

from api.cli.command import command, json_option
from api.cli.exits import Exit
from api.cli.manager import manager
from api.cli.output import tell, tell_json
from api.readiness import what_hinders


@command()
@json_option
def ready(as_json: bool) -> int:
    """Tell whether calls can be served, by words and exit status."""
    with manager() as bus:
        reasons = what_hinders(bus)
    if as_json:
        tell_json({"status": "unready" if reasons else "ready", "reasons": reasons})
    else:
        tell("; ".join(reasons) or "ready")
    return Exit.FAILED if reasons else Exit.OK
