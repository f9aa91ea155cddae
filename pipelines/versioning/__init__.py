"""Versions of components and pipelines: what each is made of, what changed, and what was published."""
