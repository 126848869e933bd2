"""What the kernel tells of processes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from actors import proc, sockets

SERVE = "import sys; sys.stdin.read()"
"""A child that lives until its input ends, whatever else stands on its command line."""


@contextmanager
def child(*words: str, cwd: Path | None = None, script: str = SERVE) -> Iterator[int]:
    """Run a Python script with ``words`` on its command line; give its pid."""
    command = [sys.executable, "-S", "-c", f"print(flush=True); {script}", *words]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=cwd, stdin=pipe, stdout=pipe) as process:
        assert process.stdout is not None
        process.stdout.readline()  # it runs its script now
        yield process.pid
        process.kill()


def owns(pid: int, port: int) -> bool:
    return sockets.listener(port) in proc.open_files(pid)


def test_a_process_is_identified() -> None:
    """A process has its number, its start and the life of the machine."""
    first, second = proc.identify(os.getpid()), proc.identify(os.getpid())
    assert first == second
    assert first is not None
    assert first.pid == os.getpid()
    assert first.start_ticks > 0
    assert first.boot_id == Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def test_a_name_cannot_fool_it() -> None:
    """A process that has brackets and spaces in its name is read right."""
    script = "open('/proc/self/comm', 'w').write(') R 1 2 3 (x'); print(flush=True)"
    with child(script=f"{script}; {SERVE}") as pid:
        identity = proc.identify(pid)
        assert identity is not None
        assert 0 < identity.start_ticks < 10**12


def test_a_corpse_counts_only_when_asked_for() -> None:
    """What has ended and was not waited for is identified as a corpse, and then as nobody."""
    process = subprocess.Popen(["/bin/true"])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert proc.identify(process.pid) is None
    corpse = proc.identify(process.pid, corpse=True)
    assert corpse is not None
    assert corpse.pid == process.pid
    process.wait()
    assert proc.identify(process.pid, corpse=True) is None


def test_nobody_has_no_identity() -> None:
    """A number that no process can have is nobody's."""
    assert proc.identify(5_000_000) is None
    assert proc.executable(5_000_000) is None
    assert proc.served_directory(5_000_000) is None
    assert proc.open_files(5_000_000) == set()


def test_the_executable_is_the_program() -> None:
    """What a process runs is the file behind all links."""
    with child() as pid:
        assert proc.executable(pid) == os.path.realpath(sys.executable)


def test_a_replaced_executable_keeps_its_name(tmp_path: Path) -> None:
    """A program that was removed or replaced on disk is told by its former path."""
    program = tmp_path / "pocketbase"
    program.write_bytes(Path("/bin/cat").read_bytes())
    program.chmod(0o700)
    pipe = subprocess.PIPE
    with subprocess.Popen([program], stdin=pipe, stdout=pipe) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"x\n")
        process.stdin.flush()
        process.stdout.readline()
        program.unlink()
        assert proc.executable(process.pid) == str(program)
        process.kill()


@pytest.mark.parametrize(
    ("words", "directory"),
    [
        (("serve", "--dir=/dbs/a b"), "/dbs/a b"),
        (("serve", "--dir", "/dbs/a"), "/dbs/a"),
        (("--dir=/dbs/a", "serve"), "/dbs/a"),
        (("serve", "--http=x", "--dir=relative"), "{cwd}/relative"),
        (("serve", "--dir=/dbs/☂"), "/dbs/☂"),
        (("superuser", "--dir=/dbs/a"), None),
        (("serve", "--directory=/dbs/a"), None),
        (("serve",), None),
    ],
)
def test_the_served_directory_is_on_the_command_line(
    tmp_path: Path, words: tuple[str, ...], directory: str | None
) -> None:
    """Only ``serve`` with ``--dir`` serves a directory, relative to where it was started."""
    with child(*words, cwd=tmp_path) as pid:
        expected = None if directory is None else directory.format(cwd=tmp_path)
        assert proc.served_directory(pid) == expected


def test_all_that_serve_under_a_root_are_found(tmp_path: Path) -> None:
    """A scan finds who serves a directory under the root, and nobody else."""
    root = tmp_path / "dbs"
    with (
        child("serve", f"--dir={root}/a") as first,
        child("serve", f"--dir={root}/x/../b/") as second,
        child("serve", f"--dir={root}-other/c"),
        child("backup", f"--dir={root}/d"),
    ):
        assert dict(proc.serving(root)) == {
            f"{root}/a": proc.identify(first),
            f"{root}/b": proc.identify(second),
        }


LISTEN = """
import socket
listener = socket.create_server((sys.argv[1], 0))
print(listener.getsockname()[1], flush=True)
"""


@contextmanager
def listening(host: str) -> Iterator[tuple[int, int]]:
    """Run a child that listens on a port of ``host``; give pid and port."""
    command = [sys.executable, "-S", "-c", f"import sys\n{LISTEN}\n{SERVE}", host]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as process:
        assert process.stdout is not None
        yield process.pid, int(process.stdout.readline())
        process.kill()


def test_a_process_owns_the_port_it_listens_on() -> None:
    """The listener owns the port; another process does not, and neither does who connects."""
    with listening("127.0.0.1") as (pid, port), child() as other:
        assert owns(pid, port)
        assert not owns(other, port)
        with socket.create_connection(("127.0.0.1", port)):
            assert owns(pid, port)
            assert not owns(os.getpid(), port)
    assert not owns(pid, port)


def test_connections_are_counted_at_the_end_that_serves() -> None:
    """Each open connection counts once at the port that it goes to; a listener alone is none."""
    with listening("127.0.0.1") as (_, port):
        assert sockets.connections()[port] == 0
        with socket.create_connection(("127.0.0.1", port)) as first:
            with socket.create_connection(("127.0.0.1", port)):
                assert sockets.connections()[port] == 2
            assert sockets.connections()[first.getsockname()[1]] == 1


def test_a_port_of_another_address_is_not_owned() -> None:
    """Only loopback counts: PocketBase is told to listen there."""
    with listening("127.0.0.2") as (pid, port):
        assert not owns(pid, port)


def test_open_files_are_listed(tmp_path: Path) -> None:
    """A file that a process has open is found by its path."""
    (tmp_path / "data.db").touch()
    script = f"kept = open({str(tmp_path / 'data.db')!r}); print(flush=True); {SERVE}"
    command = [sys.executable, "-S", "-c", f"import sys; {script}"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert str(tmp_path / "data.db") in proc.open_files(process.pid)
        process.kill()


def test_oom_kills_are_counted() -> None:
    """The kernel's count is a number that only grows."""
    assert 0 <= proc.oom_kills() <= proc.oom_kills()


def test_what_a_process_runs_is_counted() -> None:
    """Who works is active; one that is not there has nothing."""
    before = proc.activity(os.getpid())
    assert before is not None
    sum(range(1_000_000))
    after = proc.activity(os.getpid())
    assert after is not None
    assert after > before
    with child() as gone:
        assert proc.activity(gone) is not None
    assert proc.activity(gone) is None
