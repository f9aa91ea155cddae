"""Renders made by hand: one that is right in all that the scanners look at, to plant faults in."""

import copy
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

Manifest = dict[str, Any]
Render = Callable[..., Path]

_LABELS = {"app": "web"}
_DIGEST = "registry.example.org/web@sha256:" + "0" * 64
_POD = {
    "serviceAccountName": "web",
    "automountServiceAccountToken": False,
    "securityContext": {"runAsNonRoot": True, "runAsUser": 20000, "runAsGroup": 20000, "fsGroup": 20000}
    | {"seccompProfile": {"type": "RuntimeDefault"}},
    "affinity": {
        "podAntiAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [
                {
                    "weight": 100,
                    "podAffinityTerm": {
                        "labelSelector": {"matchLabels": _LABELS},
                        "topologyKey": "kubernetes.io/hostname",
                    },
                }
            ]
        }
    },
    "containers": [
        {
            "name": "web",
            "image": _DIGEST,
            "imagePullPolicy": "Always",
            "ports": [{"containerPort": 8080}],
            "resources": {
                side: {"cpu": "100m", "memory": "64Mi", "ephemeral-storage": "64Mi"} for side in ("requests", "limits")
            },
            "livenessProbe": {"httpGet": {"path": "/live", "port": 8080}},
            "readinessProbe": {"httpGet": {"path": "/ready", "port": 8080}},
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "runAsUser": 20000,
                "runAsGroup": 20000,
                "capabilities": {"drop": ["ALL"]},
            },
        }
    ],
}


def _named(api: str, kind: str, name: str = "web", **rest: Any) -> Manifest:
    metadata = {"name": name, "namespace": "serving", "labels": dict(_LABELS)}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **rest}


def a_deployment(name: str = "web") -> Manifest:
    """A Deployment without a fault."""
    spec = {
        "replicas": 2,
        "selector": {"matchLabels": _LABELS},
        "template": {"metadata": {"labels": _LABELS}, "spec": _POD},
    }
    return copy.deepcopy(_named("apps/v1", "Deployment", name, spec=spec))


def a_rollout() -> Manifest:
    """A Rollout whose pods are the Deployment's."""
    made = a_deployment("canary")
    made |= {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout"}
    made["spec"]["strategy"] = {"canary": {"steps": [{"setWeight": 10}, {"pause": {"duration": "5m"}}]}}
    return made


def a_node_pool() -> Manifest:
    """A Karpenter NodePool without a fault."""
    requirement = {"key": "karpenter.sh/capacity-type", "operator": "In", "values": ["spot"]}
    reference = {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "gpu"}
    return {
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodePool",
        "metadata": {"name": "gpu"},
        "spec": {
            "template": {"spec": {"nodeClassRef": reference, "requirements": [requirement], "expireAfter": "8h"}},
            "limits": {"nvidia.com/gpu": "1"},
            "disruption": {"consolidateAfter": "5m"},
        },
    }


def an_external_secret() -> Manifest:
    """An ExternalSecret without a fault."""
    return _named(
        "external-secrets.io/v1",
        "ExternalSecret",
        spec={
            "secretStoreRef": {"kind": "ClusterSecretStore", "name": "aws"},
            "target": {"name": "web"},
            "data": [{"secretKey": "password", "remoteRef": {"key": "keelson/dev/web", "property": "password"}}],
        },
    )


def a_service_monitor() -> Manifest:
    """A ServiceMonitor without a fault."""
    return _named(
        "monitoring.coreos.com/v1",
        "ServiceMonitor",
        spec={"selector": {"matchLabels": dict(_LABELS)}, "endpoints": [{"port": "http", "interval": "30s"}]},
    )


def _around() -> list[Manifest]:
    """What a Deployment needs beside it."""
    peers = [{"podSelector": {"matchLabels": _LABELS}}]
    return [
        _named(
            "v1", "Service", spec={"selector": _LABELS, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}
        ),
        _named("policy/v1", "PodDisruptionBudget", spec={"maxUnavailable": 1, "selector": {"matchLabels": _LABELS}}),
        _named(
            "networking.k8s.io/v1",
            "NetworkPolicy",
            spec={
                "podSelector": {"matchLabels": _LABELS},
                "policyTypes": ["Ingress", "Egress"],
                "ingress": [{"from": peers}],
                "egress": [{"to": peers}],
            },
        ),
    ]


@pytest.fixture
def render(tmp_path: Path) -> Render:
    """Writes a render: the manifests given, and what a Deployment needs beside it."""

    def write(*manifests: Mapping[str, Any], name: str = "dev") -> Path:
        folder = tmp_path / name / "kubernetes" / "serving"
        folder.mkdir(parents=True)
        for one in (*manifests, *_around()):
            text = yaml.safe_dump(dict(one))
            (folder / f"{one['kind']}-{one['metadata']['name']}.yaml").write_text(f"# web/web\n{text}")
        return tmp_path / name

    return write


@pytest.fixture
def deployment() -> Manifest:
    return a_deployment()


@pytest.fixture
def rollout() -> Manifest:
    return a_rollout()


@pytest.fixture
def right() -> list[Manifest]:
    """One object of each sort, all without a fault."""
    return [a_deployment(), a_rollout(), a_node_pool(), an_external_secret(), a_service_monitor()]
