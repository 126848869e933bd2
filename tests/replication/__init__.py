"""Replication: every database copied as it changes."""
