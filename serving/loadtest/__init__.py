"""Loads the prediction service: a load test with budgets, and a benchmark beside other servers.

Nothing here is part of a bundle.
"""
