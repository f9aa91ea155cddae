"""Prometheus, Alertmanager and Grafana of the local stack: pure functions from addresses to programs."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi

from infra.local.applications import http
from infra.local.layout import Layout
from infra.local.ports import HOST
from infra.local.service import described
from infra.observability import routing, rules
from infra.observability.dashboards import DASHBOARDS
from infra.observability.dashboards import grafana as dashboards


def prometheus(
    layout: Layout, port: int, targets: Mapping[str, tuple[int, str]], alertmanager_port: int
) -> dict[str, Any]:
    """Prometheus with the rules of every stack, scraping ``targets``: ``{job: (port, metrics path)}``."""
    folder = layout.local / "prometheus"
    config, rule_file = folder / "prometheus.yml", folder / "rules.json"
    return described(
        "prometheus",
        command=[str(layout.bin / "prometheus"), f"--config.file={config}", f"--web.listen-address={HOST}:{port}"]
        + [f"--storage.tsdb.path={layout.data / 'prometheus'}", "--storage.tsdb.retention.time=30d"],
        files={
            str(config): prometheus_config(targets, rule_file, alertmanager_port),
            str(rule_file): json.dumps(rules.file(rules.of_local_stack()), indent=1) + "\n",
        },
        health_check={"http": [http(port, "/-/ready")]},
        directory=layout.home,
    )


def prometheus_config(targets: Mapping[str, tuple[int, str]], rule_file: Path, alertmanager_port: int) -> str:
    """The scrape configuration, and the rules; both every 10 s. Alerts go to Alertmanager."""
    jobs = "".join(
        f'  - job_name: {job}\n    metrics_path: {path}\n    static_configs:\n      - targets: ["{HOST}:{port}"]\n'
        for job, (port, path) in sorted(targets.items())
    )
    return (
        f"global:\n  scrape_interval: 10s\n  evaluation_interval: 10s\n"
        f'alerting:\n  alertmanagers:\n    - static_configs:\n        - targets: ["{HOST}:{alertmanager_port}"]\n'
        f'rule_files: ["{rule_file}"]\nscrape_configs:\n{jobs}'
    )


def alertmanager(layout: Layout, port: int, routes: pulumi.Input[str]) -> dict[str, Any]:
    """Alertmanager, alone; ``routes`` is from ``alertmanager_config``."""
    config = layout.local / "alertmanager" / "alertmanager.json"
    return described(
        "alertmanager",
        command=[str(layout.bin / "alertmanager"), f"--config.file={config}", f"--web.listen-address={HOST}:{port}"]
        # Without a port for others of its kind.
        + [f"--storage.path={layout.data / 'alertmanager'}", "--cluster.listen-address="],
        files={str(config): routes},
        health_check={"http": [http(port, "/-/ready")]},
        directory=layout.home,
    )


def alertmanager_config(webhook: str | None) -> str:
    """Where alerts go: to the address ``webhook``, or nowhere."""
    return json.dumps(routing.configuration({"url": webhook} if webhook else None), indent=1) + "\n"


def grafana(layout: Layout, port: int, prometheus_port: int, password: pulumi.Input[str]) -> dict[str, Any]:
    """Grafana with the Prometheus data source and the dashboards; sign-in with the generated password only."""
    folder = layout.local / "grafana"
    source = (
        "apiVersion: 1\ndatasources:\n  - name: Prometheus\n    uid: prometheus\n    type: prometheus\n"
        f"    access: proxy\n    url: {http(prometheus_port)}\n    isDefault: true\n"
    )
    provider = (
        "apiVersion: 1\nproviders:\n  - name: keelson\n    type: file\n    allowUiUpdates: false\n"
        f"    options:\n      path: {folder / 'dashboards'}\n"
    )
    drawn = {
        str(folder / "dashboards" / f"{name}.json"): dashboards.text(name, one) for name, one in DASHBOARDS.items()
    }
    return described(
        "grafana",
        command=[str(layout.bin / "grafana"), "server", "--homepath", str(layout.bin / "grafana-home")],
        environment={
            "GF_SERVER_HTTP_ADDR": HOST,
            "GF_SERVER_HTTP_PORT": str(port),
            "GF_SECURITY_ADMIN_PASSWORD": password,
            "GF_PATHS_DATA": str(layout.data / "grafana"),
            "GF_PATHS_LOGS": str(layout.logs / "grafana"),
            "GF_PATHS_PROVISIONING": str(folder),
            "GF_ANALYTICS_REPORTING_ENABLED": "false",
            "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
            "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES": "false",
        },
        files={
            str(folder / "datasources" / "prometheus.yaml"): source,
            str(folder / "dashboards" / "provider.yaml"): provider,
            **drawn,
        },
        health_check={"http": [http(port, "/api/health")]},
        directory=layout.home,
        startup_seconds=120,
    )
