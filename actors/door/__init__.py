"""The door: how requests from outside find a user's instance, running or asleep."""
