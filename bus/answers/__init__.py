"""What the manager answers to a request; one file per topic.

A new one is named in :data:`AnyAnswer`.
"""

from __future__ import annotations

from bus.answers.access import MetadataAnswer, RevokedAnswer, TokenAnswer
from bus.answers.base import Answer
from bus.answers.error import ErrorAnswer
from bus.answers.instances import InstanceAnswer, InstancesAnswer
from bus.answers.manager import EventsAnswer, HealthAnswer

AnyAnswer = (
    InstanceAnswer
    | InstancesAnswer
    | TokenAnswer
    | RevokedAnswer
    | MetadataAnswer
    | HealthAnswer
    | EventsAnswer
    | ErrorAnswer
)

__all__ = [
    "Answer",
    "AnyAnswer",
    "ErrorAnswer",
    "EventsAnswer",
    "HealthAnswer",
    "InstanceAnswer",
    "InstancesAnswer",
    "MetadataAnswer",
    "RevokedAnswer",
    "TokenAnswer",
]
