"""The mind of the house: who owns what.

An actor owns each user's instance, one the ports, one knows them all. They speak the language of
:mod:`bus` with the outside, and private facts (:mod:`actors.facts`) among themselves.
"""
