"""What lies in a user's data directory, and whose it is: templates, tokens, copies, checks."""
