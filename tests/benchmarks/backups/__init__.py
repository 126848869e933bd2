"""Benchmarks of the backups, beside those that PocketBase makes itself."""
