"""Replication: every user's database copied continuously, as far as a moment can be gone back to.

Litestream (https://litestream.io) is the parent of the PocketBase whose database it copies, and
neither lives without the other. Beside it, as a daemon, it would now and then continue a replica
with a hole in it, without a word.
"""
