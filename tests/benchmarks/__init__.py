"""How fast the manager is, beside the bare thing: ``python -m tests.benchmarks``."""
