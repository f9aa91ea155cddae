"""Brings a copy of a stack's data up beside the original: database, buckets and image repositories.

Each module copies one kind; ``copy`` names the copies. The original is only read.
"""
