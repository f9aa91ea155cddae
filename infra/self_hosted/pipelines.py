"""Pipelines on a cluster without Kubeflow Pipelines: a pod orchestrates a run, and each step is a Job that it makes.

``pipelines/jobs`` is the program; its steps take from this pod what is not theirs alone.
"""

from collections.abc import Mapping, Sequence
from typing import cast

import pulumi
from pulumi_kubernetes import batch, core, meta, rbac

from infra.apps import monitor, pod
from infra.apps import workload as described
from infra.apps.application import service_account, volume_claim
from infra.apps.contract import AUTHORITY, AUTHORITY_FOLDER, CONFIGURATION, SECRETS
from infra.apps.environment import NO_TELEMETRY
from infra.apps.priority import BATCH
from infra.apps.workload import Size, Workload
from infra.self_hosted.names import PIPELINES, TRAINING
from infra.settings.cluster import ClusterSettings

STEP_ACCOUNT = "pipeline-step"
_FOLDER = "/var/lib/keelson/runs"
# Of a suspended CronJob, which has to have one.
_NEVER_ASKED = "0 0 1 1 *"
# A training of ten million trips, with every step at its limit, is ended by the limits of its steps.
_LONGEST_SECONDS = 7 * 86_400
_KEPT_SECONDS = 7 * 86_400
_RETRIES = 4
# Of the program: the run has failed, which no other attempt would change. Above are those of killed processes.
_SAID_NO = list(range(1, 129))

Rules = Sequence[tuple[str, Sequence[str], Sequence[str]]]
# API group, resources and verbs. Secrets are in neither, nor is a shell in a pod.
ORCHESTRATES: Rules = (
    ("batch", ["jobs"], ["create", "list", "delete"]),
    ("", ["pods"], ["get", "list"]),
    ("", ["pods/log"], ["get"]),
    # Only an event says that a quota keeps a pod from being made.
    ("", ["events"], ["list"]),
)
ASKS: Rules = (
    ("batch", ["cronjobs"], ["get"]),
    ("batch", ["jobs"], ["create", "list"]),
    ("", ["pods"], ["list"]),
    ("", ["pods/log"], ["get"]),
    ("", ["events"], ["list"]),
)


def orchestrator(image: pulumi.Input[str], settings: ClusterSettings) -> Workload:
    """The pod that interprets a pipeline."""
    chosen = settings.pipelines
    return Workload(
        namespace=PIPELINES,
        name=TRAINING,
        component="pipelines",
        image=image,
        command=["python", "-m", "pipelines.jobs.orchestrate"],
        arguments=["training"],
        # 400 MB, of which most are imports; half a minute of a core to hold the source tree against what is published.
        size=Size(cpu=50, memory=448, memory_limit=1536, burst=20),
        priority=BATCH,
        environment={
            **NO_TELEMETRY,
            "KEELSON_STEP_CPU": f"{chosen.step_cpu:g}",
            "KEELSON_STEP_MEMORY_GIB": f"{chosen.step_memory:g}",
            "KEELSON_STEP_WAITING_SECONDS": str(chosen.wait_minutes * 60),
        },
        configuration=[CONFIGURATION],
        secrets=[SECRETS],
        secret_files={AUTHORITY_FOLDER: AUTHORITY},
        claims={_FOLDER: PIPELINES},
        asks_kubernetes=True,
        # It takes its steps away.
        grace_seconds=60,
    )


def template(workload: Workload) -> core.v1.PodTemplateSpecArgs:
    """The pod, on the node where the volume is in use: a volume is of one node at a time. Its steps are with it."""
    made = pod.template(workload, restart="Never")
    spec = cast("core.v1.PodSpecArgs", made.spec)
    together = core.v1.PodAffinityTermArgs(
        topology_key="kubernetes.io/hostname",
        label_selector=meta.v1.LabelSelectorArgs(
            match_labels={"app.kubernetes.io/component": workload.component},
        ),
    )
    spec.topology_spread_constraints = None
    spec.affinity = core.v1.AffinityArgs(
        pod_affinity=core.v1.PodAffinityArgs(required_during_scheduling_ignored_during_execution=[together])
    )
    return made


def schedule(workload: Workload, settings: ClusterSettings) -> batch.v1.CronJobSpecArgs:
    """By the clock where that is set; else it is what ``kubectl create job --from`` and the monitor copy."""
    chosen = settings.pipelines.schedule
    return batch.v1.CronJobSpecArgs(
        schedule=chosen or _NEVER_ASKED,
        time_zone="Etc/UTC",
        suspend=chosen is None,
        concurrency_policy="Forbid",
        starting_deadline_seconds=3600,
        job_template=batch.v1.JobTemplateSpecArgs(
            metadata=described.metadata(workload, makes_pods=True),
            spec=batch.v1.JobSpecArgs(
                active_deadline_seconds=_LONGEST_SECONDS,
                ttl_seconds_after_finished=_KEPT_SECONDS,
                backoff_limit=_RETRIES,
                pod_failure_policy=batch.v1.PodFailurePolicyArgs(
                    rules=[
                        batch.v1.PodFailurePolicyRuleArgs(
                            action="FailJob",
                            on_exit_codes=batch.v1.PodFailurePolicyOnExitCodesRequirementArgs(
                                container_name=workload.name, operator="In", values=_SAID_NO
                            ),
                        )
                    ]
                ),
                template=template(workload),
            ),
        ),
    )


class Pipelines(pulumi.ComponentResource):
    """The template of runs, their volume, and who may make Jobs."""

    def __init__(
        self,
        name: str,
        *,
        image: pulumi.Input[str],
        settings: ClusterSettings,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("keelson:self_hosted:Pipelines", name, None, opts)
        self._name, self._child = name, pulumi.ResourceOptions(parent=self)
        volume_claim(
            f"{name}-volume", namespace=PIPELINES, name=PIPELINES, gib=settings.storage.pipelines, opts=self._child
        )
        runs = described.excused(orchestrator(image, settings))
        service_account(f"{name}-account", runs, self._child)
        core.v1.ServiceAccount(
            f"{name}-steps-account",
            metadata=meta.v1.ObjectMetaArgs(name=STEP_ACCOUNT, namespace=PIPELINES),
            automount_service_account_token=False,
            opts=self._child,
        )
        self._let("orchestrates-runs", ORCHESTRATES, (PIPELINES, TRAINING))
        self._let("asks-for-runs", ASKS, (monitor.NAMESPACE, "monitor"), {"cronjobs": [TRAINING]})
        batch.v1.CronJob(
            f"{name}-template",
            metadata=described.metadata(runs, makes_pods=True),
            spec=schedule(runs, settings),
            opts=self._child,
        )
        self.register_outputs({})

    def _let(
        self, title: str, rules: Rules, who: tuple[str, str], names: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        """Give an account of a namespace a role here; ``names`` narrows resources to single objects."""
        metadata = meta.v1.ObjectMetaArgs(name=title, namespace=PIPELINES)
        rbac.v1.Role(
            f"{self._name}-{title}",
            metadata=metadata,
            rules=[
                rbac.v1.PolicyRuleArgs(
                    api_groups=[group],
                    resources=list(resources),
                    verbs=list(verbs),
                    resource_names=list((names or {}).get(resources[0], [])) or None,
                )
                for group, resources, verbs in rules
            ],
            opts=self._child,
        )
        rbac.v1.RoleBinding(
            f"{self._name}-{title}-binding",
            metadata=metadata,
            role_ref=rbac.v1.RoleRefArgs(api_group="rbac.authorization.k8s.io", kind="Role", name=title),
            subjects=[rbac.v1.SubjectArgs(kind="ServiceAccount", namespace=who[0], name=who[1])],
            opts=self._child,
        )
