"""The page that draws the dashboards where Grafana is not there: files, and what they ask for, under one address.

It has a Caddy of its own. The one in front of serving is there only once a bundle is deployed, and fails requests of
the moment when it restarts; a change of the page shall not do that.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from infra.local.applications import http
from infra.local.layout import Layout
from infra.local.ports import HOST
from infra.local.proxy import listener
from infra.local.service import described
from infra.observability.dashboards import DASHBOARDS, grafana

# Only what the page reads: nothing that writes can be reached through it.
_PROMETHEUS = ("query", "query_range", "alerts")
_MLFLOW = (("GET", "experiments/search"), ("GET", "artifacts/list"), ("POST", "runs/search"))
_POLICY = "default-src 'self'; img-src data:"


def page(layout: Layout, port: int, upstream: Mapping[str, int], links: Mapping[str, str]) -> dict[str, Any]:
    """Caddy over the page's files. ``upstream``: ports of prometheus and mlflow; ``links``: addresses by name."""
    folder = layout.local / "page"
    config = folder / "caddy.json"
    drawn = [
        {"name": name, "dashboard": json.loads(grafana.text(name, dashboard))} for name, dashboard in DASHBOARDS.items()
    ]
    return described(
        "dashboards",
        command=[str(layout.bin / "caddy"), "run", "--config", str(config)],
        files={
            str(config): json.dumps(page_config(layout, port, upstream), indent=1) + "\n",
            str(folder / "public" / "dashboards.json"): json.dumps(drawn, indent=1) + "\n",
            str(folder / "public" / "links.json"): json.dumps(dict(links), indent=1) + "\n",
        },
        health_check={"http": [http(port)]},
        directory=layout.home,
    )


def page_config(layout: Layout, port: int, upstream: Mapping[str, int]) -> dict[str, Any]:
    """Caddy's configuration."""
    prometheus = [("GET", f"/prometheus/api/v1/{what}") for what in _PROMETHEUS]
    mlflow = [(method, f"/mlflow/api/2.0/mlflow/{what}") for method, what in _MLFLOW]
    routes = [
        _only_by_own_name(),
        *(_passed_on(asked, "/prometheus", upstream["prometheus"]) for asked in prometheus),
        *(_passed_on(asked, "/mlflow", upstream["mlflow"]) for asked in mlflow),
        _files(["/runbooks/*"], layout.root / "docs", "text/plain; charset=utf-8"),
        _files(["/dashboards.json", "/links.json"], layout.local / "page" / "public", "application/json"),
        _files(["/*"], layout.root / "infra" / "observability" / "page"),
    ]
    return {
        "admin": {"disabled": True, "config": {"persist": False}},
        "logging": {"logs": {"default": {"level": "ERROR"}}},
        "apps": {"http": {"servers": {"page": {**listener(port), "routes": routes}}}},
    }


def _only_by_own_name() -> dict[str, Any]:
    # Else a foreign site whose name leads here could read what the page reads.
    refused = {"handler": "static_response", "status_code": 421}
    return {"match": [{"not": [{"host": [HOST, "localhost"]}]}], "handle": [refused], "terminal": True}


def _passed_on(asked: tuple[str, str], prefix: str, port: int) -> dict[str, Any]:
    method, path = asked
    return {
        "match": [{"method": [method], "path": [path]}],
        "handle": [
            {"handler": "rewrite", "strip_path_prefix": prefix},
            {"handler": "reverse_proxy", "upstreams": [{"dial": f"{HOST}:{port}"}]},
        ],
        "terminal": True,
    }


def _files(paths: Sequence[str], root: Path, kind: str | None = None) -> dict[str, Any]:
    # Files change with the clone, and a browser must not mix old ones with new ones.
    headers = {"Content-Security-Policy": [_POLICY], "Cache-Control": ["no-cache"]}
    if kind is not None:
        headers["Content-Type"] = [kind]
    return {
        "match": [{"path": list(paths)}],
        "handle": [
            {"handler": "headers", "response": {"set": headers}},
            {"handler": "file_server", "root": str(root)},
        ],
        "terminal": True,
    }
