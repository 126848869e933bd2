"""Which PocketBase each instance is served by, and how it comes to another one and back."""
