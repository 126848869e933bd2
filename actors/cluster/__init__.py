"""Cluster: several hosts that share their users. One host needs nothing of this.

etcd holds who is there and whose each user is; the replica holds the data. A host that cannot
prove that it is a member kills what it runs before anybody else may start it.
"""
