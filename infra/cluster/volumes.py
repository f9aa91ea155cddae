"""Volumes of a real node: a default storage class, whose volumes are folders of the cluster's own."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from infra.cluster import rights
from infra.cluster.control_plane import Plan
from infra.local.program import Program

TOOL = "local-path-provisioner"
STORAGE_CLASS = "local-path"
# The image in which the folder of a volume is made and removed.
HELPER_IMAGE = "localhost/keelson/volume-helper:1"
HELPER_PROGRAMS = ("sh", "mkdir", "rm")
_USER = "system:local-path-provisioner"
_NAMESPACE, _CONFIGURATION = "kube-system", "local-path-config"
_PROVISIONER = "rancher.io/local-path"
_CORE = "v1"
# Of the node: it goes with the cluster.
_FOLDER = "/var/lib/keelson-volumes"
_SETTINGS = {"nodePathMap": [{"node": "DEFAULT_PATH_FOR_NON_LISTED_NODES", "paths": [_FOLDER]}]}
_HELPER = {
    "apiVersion": _CORE,
    "kind": "Pod",
    "metadata": {"name": "volume-helper"},
    "spec": {
        "priorityClassName": "system-node-critical",
        "containers": [{"name": "volume-helper", "image": HELPER_IMAGE, "imagePullPolicy": "Never"}],
    },
}


def provisioner(plan: Plan) -> Program:
    """What makes a volume for a claim once a pod wants it; outside of any pod, so that no image of it is needed."""
    files = {
        "volumes.json": json.dumps(_SETTINGS),
        "volume-helper.yaml": json.dumps(_HELPER),
        "local-path-provisioner.kubeconfig": plan.user(_USER),
    }
    made = plan.program(TOOL, {}, files)
    flags: Mapping[str, str] = {
        "config": plan.file("volumes.json"),
        "kubeconfig": plan.file("local-path-provisioner.kubeconfig"),
        "namespace": _NAMESPACE,
        "provisioner-name": _PROVISIONER,
        "helper-image": HELPER_IMAGE,
        "helper-pod-file": plan.file("volume-helper.yaml"),
        "configmap-name": _CONFIGURATION,
        "service-account-name": "default",
    }
    return replace(made, command=[*made.command, "start", *(f"--{flag}={value}" for flag, value in flags.items())])


def objects() -> list[Mapping[str, Any]]:
    """The storage class, the provisioner's rights, and what its helper does."""
    rules = [
        rights.rule("", ("nodes", "configmaps", "persistentvolumeclaims", "pods", "pods/log"), "get", "list", "watch"),
        rights.rule("", ("pods",), "create", "delete"),
        rights.rule("", ("persistentvolumes",), "get", "list", "watch", "create", "patch", "update", "delete"),
        rights.rule("", ("events",), "create", "patch"),
        rights.rule("storage.k8s.io", ("storageclasses",), "get", "list", "watch"),
    ]
    return [
        *rights.granted(_USER, rules, rights.user(_USER)),
        {
            "apiVersion": _CORE,
            "kind": "ConfigMap",
            "metadata": {"name": _CONFIGURATION, "namespace": _NAMESPACE},
            "data": {
                # Whoever a pod runs as can write to its volume.
                "setup": '#!/bin/sh\nset -eu\nmkdir -m 0777 -p "$VOL_DIR"\n',
                "teardown": '#!/bin/sh\nset -eu\nrm -rf "$VOL_DIR"\n',
            },
        },
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {
                "name": STORAGE_CLASS,
                "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
            },
            "provisioner": _PROVISIONER,
            "volumeBindingMode": "WaitForFirstConsumer",
            "reclaimPolicy": "Delete",
        },
    ]
