"""Live status over WebSocket: a snapshot, then every event, to any number of listeners.

::

    bus --Subscriber--> Feed (a thread) --> Room --> Listener --> a browser, a program
                                                 '-> Listener --> ...

One subscriber hears the bus for all; the room is in the event loop of one thread.
"""
