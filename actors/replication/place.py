"""Place: the directory or bucket that replicas and backups go to, as far as we look into it.

The changes of databases are Litestream's business; which generations there are, uploaded files,
and backups are ours. The only use of obstore, which speaks to both kinds of place alike.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, InvalidStateError
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Concatenate, ParamSpec, TypeVar

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store

from actors.backups.elsewhere import FOLDER
from actors.replication.generation import began_at, is_of
from bus.errors import BackupError
from bus.settings import Settings
from bus.settings.replication import S3

PATIENCE = "30s"
"""How long one answer of a bucket may take."""
GLANCE = "5s"
"""The same, for a look that is taken again soon."""
TRIES = 2
CHUNK = 8 * 1024 * 1024
"""Of a file that is fetched, in bytes: so much comes within :data:`PATIENCE`."""
STORAGE = "storage"

P = ParamSpec("P")
T = TypeVar("T")


def asks(method: Callable[Concatenate[Place, P], T]) -> Callable[Concatenate[Place, P], T]:
    """Have a method of :class:`Place` answered by a thread that nobody has to wait for.

    A request that is under way cannot be taken back, and the manager is not to wait for it.
    """

    @functools.wraps(method)
    def asking(self: Place, /, *args: P.args, **kwargs: P.kwargs) -> T:
        answer: Future[T] = Future()

        def ask() -> None:
            with contextlib.suppress(InvalidStateError):  # it is not waited for any more
                try:
                    answer.set_result(method(self, *args, **kwargs))
                except Exception as error:
                    answer.set_exception(error)

        with self.waiting_for(answer):
            try:
                threading.Thread(target=ask, name="place", daemon=True).start()
            except RuntimeError as error:  # the system gives no more threads
                raise BackupError(f"The place cannot be asked: {error}") from error
            return answer.result()

    return asking


class Place:
    """Any thread may use it. Every method raises :class:`BackupError` when it does not answer."""

    def __init__(
        self, settings: Settings, url: str | None = None, *, patience: str = PATIENCE
    ) -> None:
        """``url`` is a directory, or ``s3://bucket/prefix``; None: where the replicas go."""
        found = url or settings.replica_url
        assert found is not None
        self._store = _open(settings, found, patience)
        self._closed = False
        self._answers: set[Future[Any]] = set()
        # where Litestream 0.5 puts the changes, before it puts them together
        self._changes = "0000" if found.startswith(S3) else "ltx/0"

    def close(self) -> None:
        """Whoever waits for an answer is told that there is none, and who asks from now on."""
        self._closed = True
        for answer in tuple(self._answers):
            _refuse(answer)

    @contextlib.contextmanager
    def waiting_for(self, answer: Future[Any]) -> Iterator[None]:
        """An answer is waited for within this block."""
        self._answers.add(answer)
        if self._closed:
            _refuse(answer)
        try:
            yield
        finally:
            self._answers.discard(answer)

    @asks
    def generations(self, user: str) -> dict[str, datetime]:
        """When each generation of the user's database began, by name, oldest first."""
        with _failures():
            prefixes = obstore.list_with_delimiter(self._store, prefix=user)["common_prefixes"]
        names = (prefix.rpartition("/")[2] for prefix in prefixes)
        found = {name: began for name in names if (began := began_at(name)) is not None}
        return dict(sorted(found.items()))

    @asks
    def written_at(self, user: str, generation: str) -> datetime | None:
        """When the generation was last written to; None: never."""
        with _failures():
            pages = obstore.list(self._store, prefix=f"{user}/{generation}")
            return max((each["last_modified"] for page in pages for each in page), default=None)

    @asks
    def has_change(self, user: str, generation: str, name: str) -> bool:
        """Whether a file of changes is there, by the name that it has on the host."""
        with _failures():
            try:
                obstore.head(self._store, f"{user}/{generation}/{self._changes}/{name}")
            except FileNotFoundError:
                return False
            return True

    @asks
    def files(self, user: str) -> set[str]:
        """Which of the user's uploaded files are there, relative to the data directory."""
        with _failures():
            pages = obstore.list(self._store, prefix=f"{user}/{STORAGE}")
            return {each["path"].removeprefix(f"{user}/") for page in pages for each in page}

    @asks
    def send(self, user: str, path: str, content: BinaryIO | bytes | Iterator[bytes]) -> None:
        """Have a file of the user there; it is whole or not there."""
        with _failures():
            obstore.put(self._store, f"{user}/{path}", content)

    @asks
    def fetch(self, user: str, path: str, target: Path) -> bool:
        """Copy a file of the user back; whether it is there at all."""
        with _failures():
            try:
                size = obstore.head(self._store, f"{user}/{path}")["size"]
            except FileNotFoundError:
                return False
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with target.open("wb") as file:
                for part in self._parts(f"{user}/{path}", size):
                    file.write(part)
        return True

    def _parts(self, path: str, size: int) -> Iterator[obstore.Bytes]:
        """Yield the file part by part, each within our patience."""
        if size <= CHUNK:
            yield obstore.get(self._store, path).bytes()
            return
        for start in range(0, size, CHUNK):
            end = min(start + CHUNK, size)
            yield obstore.get_range(self._store, path, start=start, end=end)

    @asks
    def read(self, user: str, path: str) -> bytes | None:
        """Return the content of a small file of the user; None: it is not there."""
        with _failures():
            try:
                return bytes(obstore.get(self._store, f"{user}/{path}").bytes())
            except FileNotFoundError:
                return None

    @asks
    def names(self, user: str, folder: str) -> set[str]:
        """What lies in a folder of the user."""
        with _failures():
            pages = obstore.list(self._store, prefix=f"{user}/{folder}")
            return {each["path"].rpartition("/")[2] for page in pages for each in page}

    @asks
    def remove_folder(self, user: str, folder: str) -> None:
        """Have nothing there in a folder of the user."""
        with _failures():
            for page in obstore.list(self._store, prefix=f"{user}/{folder}"):
                paths = [each["path"] for each in page]
                if paths:
                    obstore.delete(self._store, paths)

    @asks
    def purge(
        self,
        user: str,
        epoch: int,
        at: datetime,
        *,
        again: bool = False,
        since: datetime | None = None,
        files: bool = True,
    ) -> None:
        """Remove what was there of a user who was purged ``at`` a moment, with data of ``epoch``.

        What a successor of the same id writes stays: one list is taken; a generation of it is of a
        later epoch or moment; and other files, where it may be there, go by when they were written.
        It may where it has a generation, or where this is done ``again``, long after: it may have
        uploads, and not have run. What is older than ``since`` stays, which is somebody else's, and
        without ``files`` all but generations. Backups that go to the same place are another's
        business.
        """
        with _failures():
            pages = obstore.list(self._store, prefix=user)
            written = {each["path"]: each["last_modified"] for page in pages for each in page}
            names = {path: path.removeprefix(f"{user}/").partition("/")[0] for path in written}
            names = {path: name for path, name in names.items() if name != FOLDER}
            known = {name for name in names.values() if began_at(name) is not None}
            gone = {name for name in known if is_of(name, epoch, at, since)}
            alone = known == gone and not again
            paths = [path for path, name in names.items() if name in gone]
            loose = [path for path, name in names.items() if name not in known] if files else []
            if since is not None:
                loose = [path for path in loose if since <= written[path]]
            paths += [path for path in loose if alone or written[path] < at]
            if paths:
                obstore.delete(self._store, paths)

    @asks
    def remove(self, user: str, path: str) -> None:
        """Have no such file of the user there."""
        with _failures(), contextlib.suppress(FileNotFoundError):
            obstore.delete(self._store, f"{user}/{path}")


def _open(settings: Settings, url: str, patience: str) -> LocalStore | S3Store:
    if not url.startswith(S3):
        return LocalStore(url, mkdir=True, automatic_cleanup=True)
    bucket, _, prefix = url.removeprefix(S3).partition("/")
    custom = settings.replica_endpoint is not None
    return S3Store(
        bucket,
        prefix=prefix or None,
        endpoint=settings.replica_endpoint,
        region=settings.replica_region,
        access_key_id=settings.replica_access_key_id,
        secret_access_key=settings.replica_secret_access_key,
        virtual_hosted_style_request=not custom,
        client_options={"allow_http": custom, "timeout": patience, "connect_timeout": patience},
        retry_config={"max_retries": TRIES if patience == PATIENCE else 0},
    )


def _refuse(answer: Future[Any]) -> None:
    with contextlib.suppress(InvalidStateError):  # it was answered just now
        answer.set_exception(BackupError("It is not waited for any more: the manager is stopping"))


@contextlib.contextmanager
def _failures() -> Iterator[None]:
    try:
        yield
    except (BaseError, OSError) as error:
        raise BackupError(f"The place of replicas and backups does not answer: {error}") from error
