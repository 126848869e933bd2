"""Whom a fault hits."""

from __future__ import annotations

from random import Random

from tests.chaos.world import World


def victims(world: World, draw: Random, most: int = 1) -> list[str]:
    """Draw one to ``most`` users whose instances are to run."""
    awake = [user for user in world.users if world.wanted[user] == "Running"]
    return draw.sample(awake, draw.randint(1, most))


def victim(world: World, draw: Random) -> str:
    """Draw one user whose instance is to run."""
    return victims(world, draw)[0]
