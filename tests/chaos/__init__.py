"""Chaos: real PocketBases, real writers, faults drawn at random, and what must hold after each."""
