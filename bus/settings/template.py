"""Settings: what every instance begins with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from bus.errors import SettingsError
from bus.settings.fields import Group, directory, setting


def email(text: str) -> str:
    """Read an e-mail address."""
    name, _, domain = text.partition("@")
    if not name or "." not in domain or any(c.isspace() for c in text):
        raise ValueError
    return text


def password(text: str) -> str:
    """Read a password."""
    if not 8 <= len(text.encode()) <= 71:  # PocketBase's limits, and bcrypt's
        raise ValueError
    return text


@dataclass(frozen=True, kw_only=True)
class TemplateSettings(Group):
    """See the module."""

    TITLE: ClassVar[str] = "Template"

    template_path: Path | None = setting("PB_TEMPLATE_PATH", "a directory", directory, None, "none")
    superuser_email: str | None = setting(
        "PB_SUPERUSER_EMAIL", "an e-mail address", email, None, "none"
    )
    superuser_password: str | None = setting(
        "PB_SUPERUSER_PASSWORD", "a text of 8 to 71 bytes", password, None, "none", secret=True
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.superuser_email is None) != (self.superuser_password is None):
            raise SettingsError("PB_SUPERUSER_EMAIL and PB_SUPERUSER_PASSWORD: set both or neither")
