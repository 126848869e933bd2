"""The language and its sockets."""
