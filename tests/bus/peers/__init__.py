"""Tests of the bus between hosts, on real sockets."""
