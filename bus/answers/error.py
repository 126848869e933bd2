"""The answer to any request that failed."""

from __future__ import annotations

from bus.answers.base import Answer
from bus.errors import PblmError, error_class
from bus.instance import Instance


class ErrorAnswer(Answer, frozen=True, kw_only=True, tag=True):
    """To any request that failed."""

    code: str
    message: str
    instance: Instance | None = None
    retry_after: float | None = None

    @classmethod
    def of(cls, error: PblmError) -> ErrorAnswer:
        """Write ``error`` down for its journey."""
        return cls(
            code=error.code,
            message=error.message,
            instance=error.instance,
            retry_after=error.retry_after,
        )

    def error(self) -> PblmError:
        """Return the error again."""
        return error_class(self.code)(
            self.message, instance=self.instance, retry_after=self.retry_after
        )
