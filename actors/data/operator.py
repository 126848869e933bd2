"""Operator: the person with a dashboard login in every instance."""

from __future__ import annotations

from pathlib import Path

import msgspec

from actors.data import userdata

ROUNDS = 10
"""bcrypt's cost, as PocketBase uses it."""


class Operator(msgspec.Struct, frozen=True, kw_only=True):
    """Who it is. The password itself is nowhere but in the manager's environment."""

    email: str
    password_hash: str

    @classmethod
    def remembered(cls, path: Path, email: str, password: str) -> Operator:
        """Return the operator, with the hash on file in ``path`` if it is of this password.

        A new hash would have every instance's superuser written, and its sessions ended, at every
        launch of the manager.
        """
        try:
            known = msgspec.json.decode(path.read_bytes(), type=cls)
        except (OSError, msgspec.DecodeError):
            known = None
        if known is not None and known.is_of(email, password):
            return known
        import bcrypt  # most houses have no operator

        hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(ROUNDS)).decode()
        operator = cls(email=email, password_hash=hashed)
        path.write_bytes(msgspec.json.encode(operator))
        path.chmod(0o600)
        return operator

    def is_of(self, email: str, password: str) -> bool:
        """Whether this is the operator with that e-mail address and password."""
        import bcrypt

        hashed = self.password_hash.encode()
        return self.email == email and bcrypt.checkpw(password.encode(), hashed)

    def sign_up(self, data: Path) -> None:
        """Have the login in the database in ``data``, which may be in use."""
        userdata.put_superuser(data, self.email, self.password_hash)
