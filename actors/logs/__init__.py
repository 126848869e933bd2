"""The room of the logs: what each PocketBase writes, kept within bounds and told."""
