"""Tests of the mind: who owns what."""
