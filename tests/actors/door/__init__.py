"""Tests of the door's engine."""
