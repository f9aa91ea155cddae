"""Is there room: processors, memory, disks, nodes, GPUs?"""

from infra.observability.dashboards.panel import Dashboard, Panel, of_cluster

DASHBOARD = Dashboard(
    title="Platform and GPU",
    purpose="Is there room: processors, memory, disks, nodes, GPUs?",
    panels=(
        Panel(title="Services that answer", unit="short", queries={"{{job}}": "min by (job) (up)"}),
        Panel(
            title="Memory of processes",
            unit="bytes",
            queries={"{{job}}": "sum by (job) (process_resident_memory_bytes)"},
        ),
        Panel(
            title="Processors that processes use",
            unit="short",
            queries={"{{job}}": "sum by (job) (rate(process_cpu_seconds_total[5m]))"},
        ),
        Panel(
            title="Time to scrape",
            unit="s",
            queries={"{{job}}": "max by (job) (scrape_duration_seconds)"},
        ),
        of_cluster(
            "CPU in use, of what was asked for",
            "percentunit",
            {
                "{{namespace}}": "sum by (namespace) (rate(container_cpu_usage_seconds_total[5m])) / "
                'sum by (namespace) (kube_pod_container_resource_requests{resource="cpu"})'
            },
        ),
        of_cluster(
            "Memory in use", "bytes", {"{{namespace}}": "sum by (namespace) (container_memory_working_set_bytes)"}
        ),
        of_cluster(
            "Pods not ready",
            "short",
            {
                "{{namespace}}": 'sum by (namespace) (kube_pod_status_ready{condition="false"}) - '
                'sum by (namespace) (kube_pod_status_phase{phase="Succeeded"})'
            },
        ),
        of_cluster(
            "Restarts in an hour",
            "short",
            {"{{namespace}}": "sum by (namespace) (increase(kube_pod_container_status_restarts_total[1h]))"},
        ),
        of_cluster(
            "Nodes by pool", "short", {"{{nodepool}}": "sum by (nodepool) (karpenter_nodeclaims_created_total)"}
        ),
        of_cluster(
            "Volumes, free",
            "percentunit",
            {"{{persistentvolumeclaim}}": "kubelet_volume_stats_available_bytes / kubelet_volume_stats_capacity_bytes"},
        ),
        of_cluster("GPU in use", "percent", {"{{Hostname}}": "DCGM_FI_DEV_GPU_UTIL"}),
        of_cluster("GPU memory in use", "decmbytes", {"{{Hostname}}": "DCGM_FI_DEV_FB_USED"}),
        of_cluster(
            "GPUs asked for",
            "short",
            {"{{namespace}}": 'sum by (namespace) (kube_pod_container_resource_requests{resource="nvidia_com_gpu"})'},
        ),
        of_cluster("GPU power", "watt", {"{{Hostname}}": "DCGM_FI_DEV_POWER_USAGE"}),
        of_cluster("GPU temperature", "celsius", {"{{Hostname}}": "DCGM_FI_DEV_GPU_TEMP"}),
        of_cluster("GPU errors (XID)", "short", {"{{Hostname}}": "DCGM_FI_DEV_XID_ERRORS"}),
    ),
)
