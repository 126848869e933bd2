"""Nursery: makes the data directories that new users begin with.

A first start makes a database by migrations, which takes longer than everything after it. So one
is made in advance, the *origin*; each *seed* is a copy of it with secrets of its own.

A copy is only right where every first start makes the same. So the origin is made twice, for
users of different names, once without and once with the template's hooks. Where the two differ
in more than is made anew in every copy, the template makes what is each install's own: there are
no seeds then, and new users begin as PocketBase has it.
"""

from __future__ import annotations

import hashlib
import itertools
import logging
import os
import shutil
from pathlib import Path

import msgspec
import pykka

from actors import recipe
from actors.capability import Capability
from actors.clock import Timer
from actors.data.database import UserDataError
from actors.data.fingerprint import fingerprint
from actors.data.template import TYPES_HEAD
from actors.data.userdata import migrations, renew_secrets
from actors.isolation.isolation import give
from actors.layout import PASSABLE, PRIVATE, make_directory, make_private_directory
from actors.nursery.spares import end
from actors.nursery.warmer import SPARES, SpareFact, Warmer
from actors.process import ManagedProcess
from actors.services import Services
from actors.telling import tell
from bus.errors import PblmError

QUIET = 1.0
"""Seconds without a start before an origin is made, which takes as much as two first starts."""
REFILL = 0.1
"""Seconds from when a seed is taken to when there is another: the start that took it goes first."""
NAMES = ("first", "second")
"""For whom the origin is made, twice."""
DATABASES = ("data.db", "auxiliary.db")
TYPES = "types.d.ts"
EXPECTED = {*DATABASES, TYPES, ".notify"}
"""All that a first start leaves that makes nothing of its own."""

log = logging.getLogger(__name__)


class Begin(msgspec.Struct, frozen=True, kw_only=True):
    """The house is open."""


class FillDue(msgspec.Struct, frozen=True, kw_only=True):
    """There may be room for seeds, or time to make the origin."""


class SeedTaken(msgspec.Struct, frozen=True, kw_only=True):
    """There is one less, of seeds or of spares."""


class DraftEnded(msgspec.Struct, frozen=True, kw_only=True):
    """The process that makes a draft of the origin has ended."""

    well: bool


class Nursery(pykka.ThreadingActor):
    """Owns ``.pblm/nursery`` and what runs there. What it makes goes to ``services.seeds``."""

    def __init__(self, services: Services) -> None:
        super().__init__()
        self._services = services
        self._seeds = services.seeds
        key = f"{services.version} {services.template.digest}"
        self._home = services.layout.nursery / hashlib.sha256(key.encode()).hexdigest()[:16]
        self._origin = self._home / "origin"
        self._refusal = self._home / "refusal"
        self._drafts: list[Path] = []
        self._numbers = itertools.count(1)
        self._process: ManagedProcess | None = None
        self._timeout: Timer | None = None
        self._due = False
        """It is to be looked at again already."""
        self._uid: int | None = None
        self._warmer = Warmer(services, lambda fact: tell(self.actor_ref, fact))

    def on_receive(self, message: object) -> None:
        """Go on; a trouble of the nursery is nobody else's."""
        try:
            match message:
                case Begin():
                    self._begin()
                case FillDue():
                    self._due = False
                    self._fill()
                case SeedTaken():
                    self._later(REFILL)
                case DraftEnded(well=well):
                    self._draft_ended(well=well)
                case SpareFact():
                    self._warmer.learn(message)
                    self._fill()
        except (OSError, PblmError, UserDataError, msgspec.MsgspecError) as error:
            log.warning("new users begin without a seed: %s", error)

    def on_stop(self) -> None:
        """End what runs."""
        if self._process is not None:
            end(self._process)
        self._warmer.close()

    def _begin(self) -> None:
        """Throw away what another version or template needed; go on with what is there."""
        self._warmer.begin()
        for path in self._services.layout.nursery.iterdir():
            if path not in (self._home, self._services.layout.nursery / SPARES):
                shutil.rmtree(path)
        if self._refusal.exists():
            log.warning("new users begin without a seed: %s", self._refusal.read_text())
            return
        seeds = sorted(self._home.glob("seed.*"), key=_number)
        if seeds:
            self._numbers = itertools.count(_number(seeds[-1]) + 1)
        for seed in seeds:
            self._seeds.add(seed)
        self._later(0.0 if self._origin.exists() else QUIET)

    def _fill(self) -> None:
        if self._process is not None or self._refusal.exists():
            return
        if self._origin.exists():
            self._refill()
            if self._warmer.warm():
                self._later(REFILL)
        elif self._services.queue.busy:
            self._later(QUIET)
        else:
            self._drafts = [self._home / f"draft.{name}" for name in NAMES]
            for draft in self._drafts:  # of a manager that was ended in the middle of it
                shutil.rmtree(draft, ignore_errors=True)
            self._make_draft(self._drafts[0], hooks=False)

    def _refill(self) -> None:
        """Sow, but leave the machine to those who start while there are enough left."""
        wanted = self._services.settings.seeds
        while len(self._seeds) < wanted:
            if self._services.queue.busy and len(self._seeds) > wanted / 2:
                self._later(REFILL)
                return
            self._seeds.add(self._sow())

    def _make_draft(self, draft: Path, *, hooks: bool) -> None:
        services = self._services
        make_directory(self._home, PASSABLE if services.layout.shared else PRIVATE)
        make_private_directory(draft)
        spec = recipe.migrate(
            services.versions.current.path,
            draft,
            services.template,
            draft.suffix.removeprefix("."),
            log=self._home / "log",
            hooks=hooks,
        )
        if services.isolation.by_uid:
            self._uid = services.isolation.new_uid()
            give(draft, self._uid)
        self._process = services.processes.spawn(services.isolation.wrap(spec, self._uid))
        self._timeout = services.clock.call_later(
            services.settings.start_timeout, self._process.kill
        )
        self._process.watch(lambda status: tell(self.actor_ref, DraftEnded(well=status.code == 0)))

    def _draft_ended(self, *, well: bool) -> None:
        assert self._process is not None
        assert self._timeout is not None
        self._timeout.cancel()
        said, self._process = self._process.last_output(), None
        if self._uid is not None:
            for draft in self._drafts:
                if draft.exists():
                    give(draft, os.geteuid())
            self._services.isolation.release_uid(self._uid)
            self._uid = None
        draft = self._drafts[1] if self._drafts[1].exists() else self._drafts[0]
        if not well or not self._services.template.is_applied(migrations(draft)):
            log.warning("new users begin without a seed: the template fails: %s", said)
        elif draft is self._drafts[0]:
            self._make_draft(self._drafts[1], hooks=True)
        else:
            self._compare(*self._drafts)

    def _compare(self, first: Path, second: Path) -> None:
        differing = differences(first, second)
        if differing:
            reason = f"the template makes what is each install's own: {', '.join(differing)}"
            self._refusal.write_text(reason)
            log.warning("new users begin without a seed: %s", reason)
        else:
            for name in (*DATABASES, TYPES):
                content = (first / name).read_bytes()
                (first / name).write_bytes(content[:TYPES_HEAD] if name == TYPES else content)
            first.rename(self._origin)
            self._fill()
        for draft in self._drafts:
            shutil.rmtree(draft, ignore_errors=True)

    def _sow(self) -> Path:
        """Make one seed; it gets its name when it is whole."""
        seed = self._home / f"seed.{next(self._numbers)}"
        draft = self._home / "draft.seed"
        shutil.rmtree(draft, ignore_errors=True)
        make_private_directory(draft)
        for name in (*DATABASES, TYPES):
            shutil.copyfile(self._origin / name, draft / name)
        renew_secrets(draft)
        if self._services.operator is not None:
            self._services.operator.sign_up(draft)
        draft.rename(seed)
        return seed

    def _later(self, delay: float) -> None:
        """Look again then, or when it is due anyway."""
        if self._due:
            return
        self._due = True
        self._services.clock.call_later(delay, lambda: tell(self.actor_ref, FillDue()))


def differences(first: Path, second: Path) -> list[str]:
    """Return in what two data directories differ beyond what :func:`renew_secrets` makes anew."""
    found = {path.name for folder in (first, second) for path in folder.iterdir()}
    one, other = fingerprint(first), fingerprint(second)
    tables = {name for name in one | other if one.get(name) != other.get(name)}
    return sorted(found - EXPECTED) + sorted(tables)


def nursery(services: Services) -> Capability:
    """Open the nursery, if there is to be one."""
    ref = Nursery.start(services)

    def taken() -> None:
        tell(ref, SeedTaken())

    def close() -> None:
        ref.stop()
        services.spares.end()

    if services.settings.seeds and services.version is not None:
        services.seeds.on_taken(taken)
        services.spares.on_taken(taken)
        ref.tell(Begin())
    return Capability(owner=ref, requests=(), close=close)


def _number(seed: Path) -> int:
    return int(seed.suffix.removeprefix("."))
