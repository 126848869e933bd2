"""Applied migrations: an instance that has had all of the template's is started without them.

PocketBase makes a JavaScript engine for each file at every start, also for those that were applied
long ago: 2 ms of processor time and 0.2 MiB for one. So it is given the path of a link that is not
there yet, which it takes for no migrations. Once it runs the link leads to the template: when it
restores a backup itself, it starts anew with the arguments that it has, and the data may be from
before the template.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

from actors.data.template import MIGRATIONS, Template
from actors.layout import Layout

log = logging.getLogger(__name__)


def hide(layout: Layout, template: Template, user_id: str, had: frozenset[str]) -> Path:
    """Return the directory of migrations for a start of the user's, whose data have ``had`` those.

    The template's, unless all of them are among them.
    """
    if not template.is_applied(had):
        return template.directory(MIGRATIONS)
    link = layout.migrations(user_id)
    try:
        link.unlink(missing_ok=True)
    except OSError as error:
        log.warning("%s: starts with migrations that it has had: %s", user_id, error)
        return template.directory(MIGRATIONS)
    return link


def show(layout: Layout, template: Template, user_id: str) -> None:
    """Have the user's PocketBase, which runs, find the migrations when it starts itself anew.

    What it was shown before stays, as its hooks and pages are of that template. Only where a former
    manager did not come to that, and had another template, it is not the one that it began with.
    """
    link = layout.migrations(user_id)
    try:
        link.symlink_to(os.path.relpath(template.directory(MIGRATIONS), link.parent))
    except FileExistsError:
        return
    except OSError as error:
        log.warning(
            "%s: if it restores a backup from before the template by itself, call "
            "init_pb?force_restart=true after that: %s",
            user_id,
            error,
        )
