"""The room of the monitor: what the instances take of the machine, measured and remembered."""
