"""The whole house, everything real: run_all.py, PocketBase, HTTP, ZeroMQ, signals."""
