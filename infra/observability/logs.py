"""Configuration of the log store (Loki) and of what brings each node's logs to it (an OpenTelemetry Collector).

JSON is YAML, so both are written as JSON.
"""

from collections.abc import Mapping
from typing import Any

# Ports of the store, and the collector's for its probes and for its metrics.
STORE_PORT, HEALTH_PORT, METRICS_PORT = 3100, 13133, 8888
# Where the kubelet keeps the output of containers: <namespace>_<pod>_<uid>/<container>/<restarts>.log.
POD_LOGS = "/var/log/pods"
# Folders that they write to.
STORE_FOLDER, OFFSETS_FOLDER = "/var/lib/loki", "/var/lib/otelcol"
# What lines are found by fast; all else about a line stands beside it. A pod's name is in the second group: each run
# makes some, and an index of names that come once is larger than what it finds.
INDEXED = ("k8s.namespace.name", "k8s.container.name")
_ITSELF = "127.0.0.1"
_POD = "0.0.0.0"  # noqa: S104 (a pod)
# What a LogQL query calls the first of them.
NAMESPACE_LABEL = "k8s_namespace_name"


def store(objects: Mapping[str, Any], *, prefix: str, days: int, folder: str = STORE_FOLDER) -> dict[str, Any]:
    """Loki as one process: what is new is in its folder, the rest in object storage.

    Args:
        objects: How to reach the bucket: Loki's ``object_store.s3``.
        prefix: Where in the bucket.
        days: How long lines are kept.
        folder: Where it keeps what is new.
    """
    return {
        # One tenant; who may reach it is decided by network policies and by Kubernetes.
        "auth_enabled": False,
        "server": {
            "http_listen_port": STORE_PORT,
            # Its parts talk to each other in the pod.
            "grpc_listen_address": _ITSELF,
            "log_format": "json",
            "log_level": "warn",
        },
        "common": {
            "path_prefix": folder,
            "replication_factor": 1,
            "instance_addr": _ITSELF,
            "ring": {"instance_addr": _ITSELF, "kvstore": {"store": "inmemory"}},
        },
        **_objects(objects, prefix, folder),
        # Of what it was told and has not written to the bucket, a copy is in its folder.
        "ingester": {"wal": {"dir": f"{folder}/wal", "replay_memory_ceiling": "256MB"}},
        "compactor": {
            "working_directory": f"{folder}/compactor",
            "retention_enabled": True,
            "delete_request_store": "s3",
        },
        "limits_config": {
            "retention_period": f"{days * 24}h",
            "otlp_config": {
                "resource_attributes": {
                    "ignore_defaults": True,
                    "attributes_config": [{"action": "index_label", "attributes": list(INDEXED)}],
                }
            },
        },
        "analytics": {"reporting_enabled": False},
    }


def _objects(objects: Mapping[str, Any], prefix: str, folder: str) -> dict[str, Any]:
    """Where lines and their index are kept, and in which form."""
    return {
        "storage_config": {
            "use_thanos_objstore": True,
            "object_store": {"storage_prefix": prefix, "s3": dict(objects)},
            "tsdb_shipper": {
                "active_index_directory": f"{folder}/index",
                "cache_location": f"{folder}/index-cache",
            },
        },
        "schema_config": {
            "configs": [
                {
                    "from": "2026-01-01",
                    "store": "tsdb",
                    "object_store": "s3",
                    "schema": "v13",
                    "index": {"prefix": "index_", "period": "24h"},
                }
            ]
        },
    }


def collector(store_url: str, *, logs: str = POD_LOGS, offsets: str = OFFSETS_FOLDER, own: str) -> dict[str, Any]:
    """The collector of one node.

    It keeps how far it has read each file, as far as the store has it. Where the store does not answer it reads no
    further; the kubelet keeps 50 MB of each container meanwhile.

    Args:
        store_url: Address of the store.
        logs: Folder of the pods' logs.
        offsets: Folder for how far it has read.
        own: Pattern of its own pods' folders, which it leaves out: what it says of a failure would be the next one.
    """
    return {
        "extensions": {
            "health_check": {"endpoint": f"{_POD}:{HEALTH_PORT}"},
            "file_storage": {"directory": offsets},
        },
        "receivers": {
            "file_log": {
                "include": [f"{logs}/*/*/*.log"],
                "exclude": [f"{logs}/{own}/*/*.log"],
                "include_file_path": True,
                "start_at": "beginning",
                "storage": "file_storage",
                "retry_on_failure": {"enabled": True, "max_elapsed_time": "0s"},
                # It reads what the container runtime puts before each line, joins what it cut, and takes names from
                # the path: no right to ask Kubernetes is needed.
                "operators": [{"type": "container", "add_metadata_from_filepath": True}],
            }
        },
        "processors": {"memory_limiter": {"check_interval": "1s", "limit_mib": 128, "spike_limit_mib": 32}},
        "exporters": {
            "otlp_http": {
                "logs_endpoint": f"{store_url}/otlp/v1/logs",
                # Without a queue a line counts as read once the store has it.
                "sending_queue": {"enabled": False},
                "retry_on_failure": {"enabled": True, "max_elapsed_time": "0s"},
            }
        },
        "service": {
            "extensions": ["health_check", "file_storage"],
            "telemetry": {
                "logs": {"level": "warn", "encoding": "json"},
                "metrics": {"readers": [{"pull": {"exporter": {"prometheus": {"host": _POD, "port": METRICS_PORT}}}}]},
            },
            "pipelines": {
                "logs": {"receivers": ["file_log"], "processors": ["memory_limiter"], "exporters": ["otlp_http"]}
            },
        },
    }
