"""Tests of the cluster; `tests.etcd` runs the engine."""
