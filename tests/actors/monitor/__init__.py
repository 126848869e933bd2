"""The room of the monitor."""
