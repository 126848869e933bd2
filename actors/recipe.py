"""How PocketBase is launched."""

from __future__ import annotations

from pathlib import Path

from actors.data.template import MIGRATIONS, Template
from actors.layout import LOOPBACK, Layout
from actors.process import LaunchSpec

GARBAGE = "140"
"""Per cent of what lives on Go's heap that may be garbage, before it is collected.

With Go's default, 100, a start of PocketBase passes 4 MiB and collects them: 4 of its 28 ms of
processor time. Below 135 it may still. After a load an instance holds 1 to 2 MiB more of 12.
"""


def serve(
    binary: str,
    layout: Layout,
    template: Template,
    user_id: str,
    port: int,
    *,
    lock: int,
    migrations: Path | None = None,
) -> LaunchSpec:
    """Return the command that serves the user's data directory on ``port``.

    On loopback, or where the other hosts of its cluster reach it. ``migrations`` are those of the
    template unless another directory is given.

    Every directory is named: PocketBase's defaults lie beside the data directory, where all users
    would share migrations and hooks. Changes made in the dashboard write no migration files, and
    hooks are not watched: a change of a file must not restart every instance at once. ``PATH`` is
    empty so that PocketBase finds no browser to open its installer page in. It inherits ``lock``,
    the open file of the directory's lock, and holds it for as long as it lives. It listens by plain
    TCP: Go's default, multipath TCP, takes no filter (:mod:`actors.sleep.latch`).
    """
    data = layout.data(user_id)
    return LaunchSpec(
        argv=_serve(
            binary,
            port,
            _flags(data, template, hooks=template.directory("pb_hooks"), migrations=migrations),
            host=layout.listening,
        ),
        env=_environment(data, template, user_id),
        cwd=data,
        log=layout.log(user_id),
        keep_open=(lock,),
    )


def migrate(
    binary: str, data: Path, template: Template, user_id: str, *, log: Path, hooks: bool
) -> LaunchSpec:
    """Return the command that makes in ``data`` what a first start makes, and ends by itself.

    Without ``hooks`` none of the template's are loaded.
    """
    folder = template.directory("pb_hooks") if hooks else data / "none"
    return LaunchSpec(
        argv=(binary, "migrate", "up", *_flags(data, template, hooks=folder)),
        env=_environment(data, template, user_id),
        cwd=data,
        log=log,
    )


def trial(
    binary: str, data: Path, template: Template, user_id: str, port: int, *, migrate: bool
) -> LaunchSpec:
    """Return the command that serves a copy in ``data``, to see that it can be served.

    No hooks and no pages, so the copy does nothing to the outside; the template's migrations are
    applied only when it is to ``migrate``. What is named and not there, PocketBase does without. It
    is on loopback, wherever instances are.
    """
    nothing = data / "nothing"
    migrations = None if migrate else nothing
    return LaunchSpec(
        argv=_serve(binary, port, _flags(data, template, hooks=nothing, migrations=migrations)),
        env=_environment(data, template, user_id),
        cwd=data,
        log=data.with_suffix(".log"),
    )


def _serve(
    binary: str, port: int, flags: tuple[str, ...], *, host: str = LOOPBACK
) -> tuple[str, ...]:
    return (binary, "serve", f"--http={host}:{port}", *flags)


def _flags(
    data: Path, template: Template, *, hooks: Path, migrations: Path | None = None
) -> tuple[str, ...]:
    return (
        f"--dir={data}",
        f"--migrationsDir={migrations or template.directory(MIGRATIONS)}",
        f"--hooksDir={hooks}",
        f"--publicDir={template.directory('pb_public')}",
        "--automigrate=0",
        "--hooksWatch=0",
        "--hooksPool=2",
        "--dev=0",
    )


def _environment(data: Path, template: Template, user_id: str) -> dict[str, str]:
    return {
        "PATH": "",
        "HOME": str(data),
        "TZ": "UTC",
        "GODEBUG": "multipathtcp=0",
        "GOGC": GARBAGE,
        "PBLM_BOOTSTRAP": template.bootstrap(user_id),
    }
