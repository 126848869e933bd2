"""How PocketBase is launched."""

from __future__ import annotations

from actors.data.template import Template
from actors.layout import Layout
from actors.process import LaunchSpec


def serve(
    binary: str, layout: Layout, template: Template, user_id: str, port: int, *, lock: int
) -> LaunchSpec:
    """Return the command that serves the user's data directory on loopback ``port``.

    Every directory is named: PocketBase's defaults lie beside the data directory, where all users
    would share migrations and hooks. Changes made in the dashboard write no migration files, and
    hooks are not watched: a change of a file must not restart every instance at once. ``PATH`` is
    empty so that PocketBase finds no browser to open its installer page in. It inherits ``lock``,
    the open file of the directory's lock, and holds it for as long as it lives.
    """
    data = layout.data(user_id)
    return LaunchSpec(
        argv=(
            binary,
            "serve",
            f"--http=127.0.0.1:{port}",
            f"--dir={data}",
            f"--migrationsDir={template.directory('pb_migrations')}",
            f"--hooksDir={template.directory('pb_hooks')}",
            f"--publicDir={template.directory('pb_public')}",
            "--automigrate=0",
            "--hooksWatch=0",
            "--hooksPool=2",
            "--dev=0",
        ),
        env={
            "PATH": "",
            "HOME": str(data),
            "TZ": "UTC",
            "PBLM_BOOTSTRAP": template.bootstrap(user_id),
        },
        cwd=data,
        log=layout.log(user_id),
        keep_open=(lock,),
    )
