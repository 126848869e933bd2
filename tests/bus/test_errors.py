"""The tree of errors."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from bus import errors
from bus.answers import ErrorAnswer
from bus.codec import decode_answer, encode
from bus.errors import InternalError, PblmError, error_class
from tests.bus.parts import instance


def tree(root: type[PblmError]) -> list[type[PblmError]]:
    return [root, *(cls for child in root.__subclasses__() for cls in tree(child))]


EVERY = [cls for cls in tree(PblmError) if cls.__module__ == "bus.errors"]
WITH_CODE = [cls for cls in EVERY if "code" in vars(cls) and cls is not PblmError]


@pytest.mark.parametrize("cls", WITH_CODE)
def test_an_error_survives_the_journey(cls: type[PblmError]) -> None:
    """An error comes out of the wire as the class that it went in, with all it carries."""
    error = cls("what went wrong", instance=instance(), retry_after=2.5)
    answer = decode_answer(encode(ErrorAnswer.of(error)))
    assert isinstance(answer, ErrorAnswer)
    arrived = answer.error()
    assert type(arrived) is cls
    assert str(arrived) == arrived.message == "what went wrong"
    assert arrived.instance == instance()
    assert arrived.retry_after == 2.5


def test_every_class_has_one_code_of_its_own() -> None:
    """No code is given twice."""
    counted = Counter(cls.code for cls in WITH_CODE)
    assert [code for code, count in counted.items() if count > 1] == []


@pytest.mark.parametrize("cls", [cls for cls in EVERY if cls not in WITH_CODE])
def test_a_class_without_a_code_travels_as_the_nearest(cls: type[PblmError]) -> None:
    """A class that only groups or refines others arrives with the code that it shares."""
    arrived = ErrorAnswer.of(cls("what went wrong")).error()
    assert arrived.code == cls.code
    assert arrived.message == "what went wrong"


def test_an_unknown_code_is_a_bug_of_the_other_side() -> None:
    """A code of a later manager does not break an older client."""
    assert error_class("struck_by_lightning") is InternalError


def test_the_drawn_tree_is_the_tree() -> None:
    """The picture in the docstring has every class at its depth, with its code."""
    drawn = []
    for line in (errors.__doc__ or "").splitlines():
        if found := re.fullmatch(r"    ([ |`-]*)(\w+)(?: +(\w+).*)?", line):
            branch, name, code = found.groups()
            drawn.append((len(branch) // 4, name, code))
    assert drawn == list(picture(PblmError, 0))


def picture(cls: type[PblmError], depth: int) -> list[tuple[int, str, str | None]]:
    code = None if cls is PblmError or cls.__name__ == "StartError" else cls.code
    below = [line for child in cls.__subclasses__() for line in picture(child, depth + 1)]
    return [(depth, cls.__name__, code), *below]
