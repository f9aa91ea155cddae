"""Pipelines on a Kubernetes without Kubeflow Pipelines: kfp.local interprets them in a pod, and each step is a Job.

What a step's container and pod are is what ``pipelines.cluster`` tells Kubeflow Pipelines too.
"""
