"""Checks of a render's Kubernetes objects: strict schemas, kube-score and checkov, with written exceptions.

What AWS is asked for is the policies' part, in ``infra/policies``.
"""
