"""KeyPair: how a host proves to the others which one it is (CURVE, https://rfc.zeromq.org/spec/26)."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import msgspec
import zmq

from bus.errors import SettingsError


class KeyPair(msgspec.Struct, frozen=True, kw_only=True):
    """Both keys in Z85, 40 characters each."""

    public: str
    secret: str

    def __repr__(self) -> str:
        return f"KeyPair(public={self.public!r}, secret=(hidden))"

    @classmethod
    def fresh(cls) -> KeyPair:
        """Make a pair that nobody has had."""
        public, secret = zmq.curve_keypair()
        return cls(public=public.decode(), secret=secret.decode())

    @classmethod
    def remembered(cls, path: Path) -> KeyPair:
        """Return the pair whose secret key is in ``path``; make it when there is no such file.

        Raises :class:`SettingsError` when it is no key, or is there for others to read.
        """
        try:
            with path.open(encoding="ascii") as file:
                mode, secret = os.fstat(file.fileno()).st_mode, file.read().strip()
        except FileNotFoundError:
            return cls._made(path)
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"{path}: this host's key cannot be read: {error}") from error
        if stat.S_IMODE(mode) & 0o077:
            raise SettingsError(f"{path}: others may read this host's key; `chmod 600 {path}`")
        try:
            return cls(public=zmq.curve_public(secret.encode()).decode(), secret=secret)
        except (ValueError, zmq.ZMQError) as error:
            raise SettingsError(
                f"{path}: is no key; remove it, and the host gets another one at its next start"
            ) from error

    @classmethod
    def _made(cls, path: Path) -> KeyPair:
        pair, draft = cls.fresh(), path.with_name(f"{path.name}.{os.getpid()}")
        descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(f"{pair.secret}\n")
            file.flush()
            os.fsync(file.fileno())
        draft.rename(path)
        return pair
