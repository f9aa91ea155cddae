"""The hardened pod of a workload: a user without rights, a read-only root file system, and no token of Kubernetes."""

from dataclasses import replace

import pulumi
from pulumi_kubernetes import core, meta

from infra.apps import exceptions
from infra.apps.workload import SecretKey, Size, Workload, labels, selector

# Libraries that look for a home folder, or keep files for a moment, find one that they may write to.
HOME = "/tmp"  # noqa: S108 (a path in the pod, where nobody else is)
_UNTIL_OTHERS_KNOW = 5
# Where clients of Kubernetes look for what they sign in by.
_ACCOUNT, _ACCOUNT_VOLUME = "/var/run/secrets/kubernetes.io/serviceaccount", "kubernetes-api"
_TOKEN_SECONDS = 3600


def template(workload: Workload, restart: str = "Always") -> core.v1.PodTemplateSpecArgs:
    """The hardened pod."""
    noted: dict[str, pulumi.Input[str]] = {**exceptions.annotations(workload.exceptions)}
    if workload.digest is not None:
        noted["keelson/configuration"] = workload.digest
    return core.v1.PodTemplateSpecArgs(
        metadata=meta.v1.ObjectMetaArgs(labels=labels(workload), annotations=noted),
        spec=core.v1.PodSpecArgs(
            service_account_name=workload.service_account or workload.name,
            # AWS credentials come from a token of their own, which Pod Identity mounts; that of Kubernetes, where it is
            # asked, from a volume.
            automount_service_account_token=False,
            enable_service_links=False,
            priority_class_name=workload.priority,
            restart_policy=restart,
            termination_grace_period_seconds=workload.drain_seconds + workload.grace_seconds,
            security_context=core.v1.PodSecurityContextArgs(
                run_as_non_root=workload.user != 0,
                run_as_user=workload.user,
                run_as_group=workload.user,
                fs_group=workload.user,
                fs_group_change_policy="OnRootMismatch",
                seccomp_profile=core.v1.SeccompProfileArgs(type="RuntimeDefault"),
            ),
            topology_spread_constraints=_spread(workload),
            affinity=_apart(workload),
            init_containers=_before(workload) or None,
            containers=[_container(workload)],
            volumes=_volumes(workload),
        ),
    )


def _before(workload: Workload) -> list[core.v1.ContainerArgs]:
    made = [_container(_preparation(workload))] if workload.preparation else []
    if workload.beside is not None:
        # Kubernetes ends such a container after the pod's own have ended.
        beside = _container(replace(workload.beside, user=workload.user, probes=None, disks=workload.disks))
        beside.restart_policy = "Always"
        made.append(beside)
    return made


def _container(workload: Workload) -> core.v1.ContainerArgs:
    return core.v1.ContainerArgs(
        name=workload.name,
        image=workload.image,
        # A tag that was moved is noticed at the next start; a pull of what is there costs one request.
        image_pull_policy="Always",
        command=list(workload.command) or None,
        args=list(workload.arguments) or None,
        ports=[core.v1.ContainerPortArgs(name=name, container_port=port) for name, port in workload.ports.items()],
        env=[_variable(name, value) for name, value in sorted(_environment(workload).items())],
        env_from=[
            *(
                core.v1.EnvFromSourceArgs(config_map_ref=core.v1.ConfigMapEnvSourceArgs(name=name))
                for name in workload.configuration
            ),
            *(
                core.v1.EnvFromSourceArgs(secret_ref=core.v1.SecretEnvSourceArgs(name=name))
                for name in workload.secrets
            ),
        ],
        resources=_resources(workload.size),
        startup_probe=_probe(workload, "startup"),
        readiness_probe=_probe(workload, "ready"),
        liveness_probe=_probe(workload, "alive"),
        lifecycle=_lifecycle(workload),
        security_context=core.v1.SecurityContextArgs(
            allow_privilege_escalation=False,
            privileged=False,
            read_only_root_filesystem=True,
            run_as_non_root=workload.user != 0,
            run_as_user=workload.user,
            run_as_group=workload.user,
            capabilities=core.v1.CapabilitiesArgs(drop=["ALL"]),
            seccomp_profile=core.v1.SeccompProfileArgs(type="RuntimeDefault"),
        ),
        volume_mounts=_mounts(workload),
    )


def _preparation(workload: Workload) -> Workload:
    return replace(
        workload, name="prepare", command=workload.preparation, arguments=(), ports={}, probes=None, drain_seconds=0
    )


def _environment(workload: Workload) -> dict[str, pulumi.Input[str] | SecretKey]:
    return {"HOME": HOME, **workload.environment}


def _variable(name: str, value: pulumi.Input[str] | SecretKey) -> core.v1.EnvVarArgs:
    if isinstance(value, SecretKey):
        reference = core.v1.SecretKeySelectorArgs(name=value.secret, key=value.key)
        return core.v1.EnvVarArgs(name=name, value_from=core.v1.EnvVarSourceArgs(secret_key_ref=reference))
    return core.v1.EnvVarArgs(name=name, value=value)


def _resources(size: Size) -> core.v1.ResourceRequirementsArgs:
    return core.v1.ResourceRequirementsArgs(
        requests={
            "cpu": f"{size.cpu}m",
            "memory": f"{size.memory}Mi",
            "ephemeral-storage": f"{size.disk // 2}Mi",
        },
        limits={
            "cpu": f"{size.cpu * size.burst}m",
            "memory": f"{size.memory_limit}Mi",
            "ephemeral-storage": f"{size.disk}Mi",
        },
    )


def _probe(workload: Workload, kind: str) -> core.v1.ProbeArgs | None:
    probes = workload.probes
    if probes is None:
        return None
    check = probes.ready if kind == "ready" else probes.alive
    # Readiness reacts within half a minute; only a process that is stuck for two is ended.
    period, failures = {"startup": (5, probes.startup_seconds // 5), "ready": (10, 3), "alive": (20, 6)}[kind]
    probe = core.v1.ProbeArgs(period_seconds=period, failure_threshold=failures, timeout_seconds=5)
    if check.command:
        probe.exec_ = core.v1.ExecActionArgs(command=list(check.command))
    elif check.path:
        probe.http_get = core.v1.HTTPGetActionArgs(path=check.path, port=workload.ports[check.port])
    else:
        probe.tcp_socket = core.v1.TCPSocketActionArgs(port=workload.ports[check.port])
    return probe


def _lifecycle(workload: Workload) -> core.v1.LifecycleArgs | None:
    seconds = workload.drain_seconds or (_UNTIL_OTHERS_KNOW if workload.probes else 0)
    if not seconds:
        return None
    sleep = core.v1.SleepActionArgs(seconds=seconds)
    return core.v1.LifecycleArgs(pre_stop=core.v1.LifecycleHandlerArgs(sleep=sleep))


def _spread(workload: Workload) -> list[core.v1.TopologySpreadConstraintArgs]:
    return [
        core.v1.TopologySpreadConstraintArgs(
            max_skew=1,
            topology_key="topology.kubernetes.io/zone",
            # A stack may have nodes in one zone only.
            when_unsatisfiable="ScheduleAnyway",
            label_selector=meta.v1.LabelSelectorArgs(match_labels=selector(workload)),
        )
    ]


def _apart(workload: Workload) -> core.v1.AffinityArgs:
    """Copies on different nodes where there are enough."""
    term = core.v1.WeightedPodAffinityTermArgs(
        weight=100,
        pod_affinity_term=core.v1.PodAffinityTermArgs(
            topology_key="kubernetes.io/hostname",
            label_selector=meta.v1.LabelSelectorArgs(match_labels=selector(workload)),
        ),
    )
    return core.v1.AffinityArgs(
        pod_anti_affinity=core.v1.PodAntiAffinityArgs(preferred_during_scheduling_ignored_during_execution=[term])
    )


def _scratch(workload: Workload) -> dict[str, int]:
    return {HOME: 64, **workload.scratch}


def _mounts(workload: Workload) -> list[core.v1.VolumeMountArgs]:
    writable = [*_scratch(workload), *workload.kept_on_node, *workload.claims, *workload.disks]
    return [
        *(core.v1.VolumeMountArgs(name=_volume_name(path), mount_path=path) for path in writable),
        *(
            core.v1.VolumeMountArgs(name=_volume_name(path), mount_path=path, read_only=True)
            for path in [*workload.config_files, *workload.secret_files, *workload.node_files]
        ),
        *(
            [core.v1.VolumeMountArgs(name=_ACCOUNT_VOLUME, mount_path=_ACCOUNT, read_only=True)]
            if workload.asks_kubernetes
            else []
        ),
    ]


def _volumes(workload: Workload) -> list[core.v1.VolumeArgs]:
    if workload.beside is not None:
        beside = workload.beside
        scratch = {**beside.scratch, **workload.scratch}
        files = {**beside.secret_files, **workload.secret_files}
        return _volumes(replace(workload, beside=None, scratch=scratch, secret_files=files))
    return [
        *(
            core.v1.VolumeArgs(
                name=_volume_name(path), empty_dir=core.v1.EmptyDirVolumeSourceArgs(size_limit=f"{size}Mi")
            )
            for path, size in _scratch(workload).items()
        ),
        *(
            core.v1.VolumeArgs(
                name=_volume_name(path),
                persistent_volume_claim=core.v1.PersistentVolumeClaimVolumeSourceArgs(claim_name=claim),
            )
            for path, claim in workload.claims.items()
        ),
        *(
            core.v1.VolumeArgs(name=_volume_name(path), ephemeral=_disk(workload, size))
            for path, size in workload.disks.items()
        ),
        *(
            core.v1.VolumeArgs(name=_volume_name(path), config_map=core.v1.ConfigMapVolumeSourceArgs(name=name))
            for path, name in workload.config_files.items()
        ),
        *(
            core.v1.VolumeArgs(
                name=_volume_name(path),
                secret=core.v1.SecretVolumeSourceArgs(secret_name=name, default_mode=0o440),
            )
            for path, name in workload.secret_files.items()
        ),
        *(
            core.v1.VolumeArgs(
                name=_volume_name(path),
                host_path=core.v1.HostPathVolumeSourceArgs(path=folder, type=kind),
            )
            for folders, kind in ((workload.node_files, "Directory"), (workload.kept_on_node, "DirectoryOrCreate"))
            for path, folder in folders.items()
        ),
        *([_account()] if workload.asks_kubernetes else []),
    ]


def _account() -> core.v1.VolumeArgs:
    """The token of the pod's account, renewed every hour, with whom the API is trusted by."""
    v1 = core.v1
    namespace = v1.DownwardAPIVolumeFileArgs(
        path="namespace", field_ref=v1.ObjectFieldSelectorArgs(field_path="metadata.namespace")
    )
    sources = [
        v1.VolumeProjectionArgs(
            service_account_token=v1.ServiceAccountTokenProjectionArgs(path="token", expiration_seconds=_TOKEN_SECONDS)
        ),
        # Kubernetes has one in every namespace.
        v1.VolumeProjectionArgs(
            config_map=v1.ConfigMapProjectionArgs(
                name="kube-root-ca.crt", items=[v1.KeyToPathArgs(key="ca.crt", path="ca.crt")]
            )
        ),
        v1.VolumeProjectionArgs(downward_api=v1.DownwardAPIProjectionArgs(items=[namespace])),
    ]
    return v1.VolumeArgs(
        name=_ACCOUNT_VOLUME, projected=v1.ProjectedVolumeSourceArgs(sources=sources, default_mode=0o440)
    )


def _disk(workload: Workload, gib: int) -> core.v1.EphemeralVolumeSourceArgs:
    return core.v1.EphemeralVolumeSourceArgs(
        volume_claim_template=core.v1.PersistentVolumeClaimTemplateArgs(
            metadata=meta.v1.ObjectMetaArgs(labels=labels(workload)),
            spec=core.v1.PersistentVolumeClaimSpecArgs(
                access_modes=["ReadWriteOnce"],
                resources=core.v1.VolumeResourceRequirementsArgs(requests={"storage": f"{gib}Gi"}),
            ),
        )
    )


def _volume_name(path: str) -> str:
    return path.strip("/").replace("/", "-").replace(".", "-").replace("_", "-").lower()
