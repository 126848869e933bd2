"""Tests of the backups, on the real PocketBase."""
