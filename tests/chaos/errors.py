"""What a run of faults may end with."""

from __future__ import annotations


class Violation(AssertionError):
    """Something that must always hold does not."""


class Overdue(Violation):
    """Something did not happen within its deadline."""


class Skip(Exception):
    """A fault that cannot be made on this machine; the text says why."""
