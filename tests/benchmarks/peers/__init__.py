"""Other programs that keep processes running, doing the same with the same PocketBase."""
