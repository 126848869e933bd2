"""What the tests of the backups start from."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.house.manager import Manager, manager_of, running_manager


@pytest.fixture(scope="module")
def manager() -> Iterator[Manager]:
    """Return a manager as it comes, shared by the tests of a module."""
    with running_manager() as running:
        yield running


@pytest.fixture
def closed_manager() -> Iterator[Manager]:
    """Return a manager that a test starts itself."""
    with manager_of() as made:
        yield made
