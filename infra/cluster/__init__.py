"""A real Kubernetes on this machine, for tests: its own processes, certificates, ports, folders and network.

Nothing of the stacks needs it. ``make cluster`` brings it up, ``make cluster-down`` takes everything of it away.
"""
