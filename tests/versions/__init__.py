"""The tests of the room of versions."""
