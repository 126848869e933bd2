"""The doors of the house: how people and programs come in.

A door turns what comes from outside into a request on the bus, and the answer into what the
outside expects. It knows nothing of actors.
"""
