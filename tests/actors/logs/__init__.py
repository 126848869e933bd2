"""The room of the logs."""
