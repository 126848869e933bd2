"""``pblm sleep``, ``wake`` and ``why``: an instance that nobody uses."""

from __future__ import annotations

from api.cli.command import command, json_option, user_argument
from api.cli.manager import PATIENCE, manager, settings
from api.cli.output import coloured, tell, tell_json
from bus.answers import InstanceAnswer, SleepAnswer
from bus.instance import Instance
from bus.requests import GetSleep, SleepInstance, UserRequest, WakeInstance


@command()
@user_argument
@json_option
def sleep(user_id: str, as_json: bool) -> None:
    """Put a user's instance to sleep, unless somebody uses it."""
    _ask(SleepInstance(user_id=user_id), 2 * settings().stop_timeout, as_json)


@command()
@user_argument
@json_option
def wake(user_id: str, as_json: bool) -> None:
    """Have a user's instance answer, if it is to run."""
    _ask(WakeInstance(user_id=user_id), settings().start_timeout, as_json)


@command()
@user_argument
@json_option
def why(user_id: str, as_json: bool) -> None:
    """Tell why a user's instance sleeps, or does not."""
    with manager() as bus:
        answer = bus.ask(GetSleep(user_id=user_id), SleepAnswer)
    if as_json:
        tell_json({"user_id": user_id, **answer.told()})
    else:
        tell(f"{user_id} is {coloured(answer.status)}: {answer.why}")


def _ask(request: UserRequest, work: float, as_json: bool) -> None:
    with manager() as bus:
        instance = bus.ask(request, InstanceAnswer, timeout=work + PATIENCE).instance
    if as_json:
        tell_json({"user_id": request.user_id, "instance": instance})
    elif instance is not None:
        tell(_how_it_is(instance))


def _how_it_is(instance: Instance) -> str:
    place = "" if instance.pid is None else f" at {instance.url}"
    return f"{instance.user_id} is {coloured(instance.status)}{place}"
