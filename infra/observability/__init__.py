"""What is watched on every stack, and how it is drawn: one source for the cluster and for the local stack."""
