"""What each setting takes and refuses, one file per topic."""

from __future__ import annotations

import importlib
import pkgutil

_TOPICS = [
    importlib.import_module(f"{__name__}.{each.name}") for each in pkgutil.iter_modules(__path__)
]

GOOD: list[tuple[str, str, str, object]] = [case for topic in _TOPICS for case in topic.GOOD]
"""Variable, text, attribute, value."""
BAD: list[tuple[str, str]] = [case for topic in _TOPICS for case in topic.BAD]
"""Variable, text."""
NEEDS: dict[str, dict[str, str]] = {
    name: others for topic in _TOPICS for name, others in getattr(topic, "NEEDS", {}).items()
}
"""What a variable cannot be set without."""
