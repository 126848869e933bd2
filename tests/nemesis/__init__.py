"""The nemesis: hosts in network namespaces, hurt at random, and what is held against them after."""
