"""Names that who makes the objects in the cluster and who asks for runs there know each other by.

Tests hold them together with ``infra/self_hosted/pipelines.py``.
"""

# What the platform's setting `kfp_endpoint` says in place of an address.
DOOR = "jobs"
NAMESPACE = "pipelines"
# The suspended CronJob whose template is that of every run's orchestrator.
TEMPLATE = "training"
# Account of steps, which has no rights in Kubernetes.
STEP_ACCOUNT = "pipeline-step"
# Label of every pod that has the volume, and its value.
COMPONENT = {"app.kubernetes.io/component": "pipelines"}
# Labels of a step's Job and pod: the run that they are of, which is the name of its orchestrator's Job, and the step.
RUN, STEP = "keelson.dev/run", "keelson.dev/step"
CONTAINER = "step"
