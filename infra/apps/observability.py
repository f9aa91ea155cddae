"""Prometheus, Alertmanager and Grafana, with our monitors, alerts and dashboards."""

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi_kubernetes import apiextensions, core, meta

from infra.apps import logs
from infra.apps.charts import (
    CONTAINER_SECURITY,
    POD_SECURITY,
    chart,
    registry_repository_and_tag,
    resources,
)
from infra.apps.foundation import Foundation, same_keys
from infra.apps.monitors import of_stack, pod_monitor
from infra.apps.priority import SERVICE
from infra.observability import routing, rules
from infra.observability.dashboards import DASHBOARDS, grafana
from infra.settings.services import ServiceSettings

NAMESPACE = "monitoring"
_CHART = "kube-prometheus-stack"
_API = "monitoring.coreos.com"
# What Prometheus keeps: two weeks of one scrape a minute fit into 20 GiB with room to spare.
_DAYS, _DISK = 15, "20Gi"
_INTERVAL = "60s"
# The operator mounts Alertmanager's secrets there.
_WEBHOOK = "alert-webhook"
_WEBHOOK_FILE = f"/etc/alertmanager/secrets/{_WEBHOOK}/url"


def values(settings: ServiceSettings) -> dict[str, Any]:
    """Values of the chart, which brings the operator, Prometheus, Alertmanager, Grafana and two exporters."""
    return {
        # The control plane is EKS's own, or listens on loopback alone: nothing of it can be scraped.
        **{part: {"enabled": False} for part in ("kubeControllerManager", "kubeScheduler", "kubeEtcd", "kubeProxy")},
        "prometheusOperator": _operator(settings),
        "prometheus": {"prometheusSpec": _prometheus(settings)},
        "alertmanager": {
            "config": routing.configuration({"url_file": _WEBHOOK_FILE} if settings.tells_of_alerts else None),
            "alertmanagerSpec": _alertmanager(settings),
        },
        "grafana": _grafana(settings),
        "kube-state-metrics": {
            "image": registry_repository_and_tag(_CHART, "state-metrics", settings),
            "priorityClassName": SERVICE,
            "resources": resources(cpu=10, memory=64, limit=256),
            "securityContext": dict(POD_SECURITY),
            "containerSecurityContext": dict(CONTAINER_SECURITY),
        },
        "prometheus-node-exporter": {
            # It reads the host's files and network, which no other namespace admits.
            "namespaceOverride": "kube-system",
            "image": registry_repository_and_tag(_CHART, "node-exporter", settings),
            "priorityClassName": "system-node-critical",
            "resources": resources(cpu=10, memory=32, limit=96),
            "tolerations": [{"operator": "Exists"}],
        },
    }


def _operator(settings: ServiceSettings) -> dict[str, Any]:
    return {
        # Certificates by cert-manager: the chart's own way is a hook, and hooks are left out.
        "admissionWebhooks": {"certManager": {"enabled": True}, "patch": {"enabled": False}},
        "image": registry_repository_and_tag(_CHART, "operator", settings),
        "prometheusConfigReloader": {
            "image": registry_repository_and_tag(_CHART, "reloader", settings),
            "resources": resources(cpu=5, memory=32, limit=64),
        },
        "priorityClassName": SERVICE,
        "resources": resources(cpu=20, memory=96, limit=256),
        "securityContext": dict(POD_SECURITY),
        "containerSecurityContext": dict(CONTAINER_SECURITY),
    }


def _prometheus(settings: ServiceSettings) -> dict[str, Any]:
    # Left at their default, Prometheus sees only monitors and rules that carry the chart's own label.
    everything = {
        f"{kind}SelectorNilUsesHelmValues": False
        for kind in ("rule", "serviceMonitor", "podMonitor", "probe", "scrapeConfig")
    }
    return {
        **everything,
        "image": registry_repository_and_tag(_CHART, "prometheus", settings),
        "replicas": min(settings.replicas, 2),
        "retention": f"{_DAYS}d",
        "retentionSize": "18GB",
        "scrapeInterval": _INTERVAL,
        "evaluationInterval": _INTERVAL,
        "priorityClassName": SERVICE,
        "resources": resources(cpu=100, memory=640, limit=2048),
        "externalLabels": {"stack": settings.stack},
        "storageSpec": {
            "volumeClaimTemplate": {
                "spec": {
                    **({"storageClassName": settings.disk_class} if settings.disk_class else {}),
                    "accessModes": ["ReadWriteOnce"],
                    "resources": {"requests": {"storage": _DISK}},
                }
            }
        },
    }


def _alertmanager(settings: ServiceSettings) -> dict[str, Any]:
    return {
        "image": registry_repository_and_tag(_CHART, "alertmanager", settings),
        "replicas": min(settings.replicas, 2),
        "priorityClassName": SERVICE,
        "resources": resources(cpu=10, memory=48, limit=128),
        **({"secrets": [_WEBHOOK]} if settings.tells_of_alerts else {}),
    }


def _grafana(settings: ServiceSettings) -> dict[str, Any]:
    ini: dict[str, Any] = {
        "auth.anonymous": {"enabled": False},
        "analytics": {"check_for_updates": False, "reporting_enabled": False},
        "users": {"allow_sign_up": False},
        "security": {"cookie_secure": settings.domain is not None, "disable_gravatar": True},
    }
    if settings.domain is not None:
        ini["server"] = {"root_url": f"https://grafana.{settings.domain}"}
        # Whoever comes through the sign-in proxy is known by it; network policies let nobody else reach Grafana.
        ini["auth.proxy"] = {
            "enabled": True,
            "header_name": "X-Forwarded-Email",
            "header_property": "email",
            "auto_sign_up": True,
        }
        ini["users"] = {**ini["users"], "auto_assign_org_role": "Viewer"}
    return {
        "fullnameOverride": "grafana",
        "image": registry_repository_and_tag(_CHART, "grafana", settings),
        "replicas": 1,
        "priorityClassName": SERVICE,
        "admin": {"existingSecret": "grafana", "userKey": "admin-user", "passwordKey": "admin-password"},
        "resources": resources(cpu=20, memory=192, limit=512),
        "containerSecurityContext": dict(CONTAINER_SECURITY),
        # All that people could lose is in the dashboards' own files; so there is no disk to keep.
        "persistence": {"enabled": False},
        "testFramework": {"enabled": False},
        "initChownData": {"enabled": False},
        "grafana.ini": ini,
        "sidecar": {
            "image": registry_repository_and_tag(_CHART, "sidecar", settings),
            "resources": resources(cpu=5, memory=80, limit=160),
            "securityContext": dict(CONTAINER_SECURITY),
            "dashboards": {
                "enabled": True,
                "label": "grafana_dashboard",
                "labelValue": "1",
                "searchNamespace": NAMESPACE,
            },
            "datasources": {"enabled": True, "defaultDatasourceEnabled": True},
        },
        **({"additionalDataSources": [_LOGS]} if settings.keeps_logs else {}),
    }


_LOGS = {"name": "Logs", "type": "loki", "uid": "loki", "access": "proxy", "url": logs.store_url()}


class Observability(pulumi.ComponentResource):
    """The monitoring stack; it comes after what fills the secret with Grafana's password."""

    def __init__(
        self,
        name: str,
        foundation: Foundation,
        settings: ServiceSettings,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("keelson:apps:Observability", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        password = foundation.keeper.kubernetes_secret(
            f"{name}-grafana",
            namespace=NAMESPACE,
            name="grafana",
            fields=same_keys(foundation.secrets["grafana"], ["admin-user", "admin-password"]),
            opts=child,
        )
        secrets = [password]
        if settings.tells_of_alerts:
            source = foundation.secrets[_WEBHOOK]
            secrets.append(
                foundation.keeper.kubernetes_secret(
                    f"{name}-webhook",
                    namespace=NAMESPACE,
                    name=_WEBHOOK,
                    fields=same_keys(source, ["url"]),
                    opts=child,
                )
            )
        for title, dashboard in DASHBOARDS.items():
            core.v1.ConfigMap(
                f"{name}-dashboard-{title}",
                metadata=meta.v1.ObjectMetaArgs(
                    name=f"dashboard-{title}", namespace=NAMESPACE, labels={"grafana_dashboard": "1"}
                ),
                data={f"{title}.json": grafana.text(title, dashboard)},
                opts=child,
            )
        # Grafana does not start without its password, nor Alertmanager without the address.
        stack = chart(_CHART, values(settings), opts=pulumi.ResourceOptions(parent=self, depends_on=secrets))
        # The kinds of what follows are the chart's.
        watch(name, foundation, settings, pulumi.ResourceOptions(parent=self, depends_on=[stack]))
        self.register_outputs({})


def watch(name: str, foundation: Foundation, settings: ServiceSettings, opts: pulumi.ResourceOptions) -> None:
    """Tell the Prometheus operator what is scraped in the stack's namespaces, and what alerts are told of."""
    for monitor in of_stack(foundation):
        _object(f"{name}-{monitor.name}", "PodMonitor", monitor.name, pod_monitor(monitor), opts)
    budget = settings.monthly_budget
    for group in rules.of_any_cluster() if budget is None else rules.of_cluster(budget):
        _object(f"{name}-rules-{group.name}", "PrometheusRule", group.name, rules.file([group]), opts)


def _object(title: str, kind: str, name: str, spec: Mapping[str, Any], opts: pulumi.ResourceOptions) -> None:
    apiextensions.CustomResource(
        title,
        api_version=f"{_API}/v1",
        kind=kind,
        metadata=meta.v1.ObjectMetaArgs(name=name, namespace=NAMESPACE),
        spec=spec,
        opts=opts,
    )
