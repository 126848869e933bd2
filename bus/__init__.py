"""The language of the house: what can be said, and the sockets that carry it.

Everything in this package may be used from outside the manager; it imports nothing of ours.
"""
