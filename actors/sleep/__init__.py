"""Sleep: who is not used, and is stopped until somebody calls."""
