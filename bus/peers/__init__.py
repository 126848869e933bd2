"""Peers: what the managers of several hosts say to each other, over TCP with CURVE.

::

    this host                                              another host
    PeerBus --Line: DEALER ------- Call, request ------->  ROUTER --> its mind
               |          <------ taken, answer, moved --    |
               '--SUB     <------ its own events -------  XPUB

Nobody is let in but the keys of the hosts that are known (:meth:`PeerBus.meet`), and nobody is
trusted to be alive: each host beats once a second, and whoever is not heard counts as silent. What
is asked of it then is answered :class:`Silence`, at once.

On one host nothing of this is imported.
"""
