"""The built-in door: a small proxy in a process of its own, for a laptop.

It keeps the promises of HAProxy behind the same ``/wake``, at a fifth of its throughput, on one
core and on loopback only. It has no TLS, does not cut off who sends a request slowly on purpose,
and does not tell the manager what was asked for: use is seen by the kernel's connections alone.
"""
