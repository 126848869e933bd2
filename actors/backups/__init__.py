"""Backups: copies of users' data that are kept, proven and brought back."""
