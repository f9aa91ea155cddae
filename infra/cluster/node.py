"""A real node: container runtime, kubelet, proxy of Services and what enforces network policies, as programs for the
supervisor."""

import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from infra.cluster import control_groups, enclosure, images, metrics, name_server, policies, volumes
from infra.cluster.api import Api
from infra.cluster.control_plane import Plan, pair
from infra.cluster.record import API_PORT, DOMAIN, NAME_SERVICE, NODE_ADDRESS, PODS
from infra.local.program import Program

NAME = "keelson"
# The image that holds a pod's network; it is made here and handed to the node.
SANDBOX_IMAGE = "localhost/keelson/pause:1"
TOOLS = ("kubelet", "kube-proxy", metrics.TOOL, name_server.TOOL, policies.TOOL, volumes.TOOL)

# Of Debian's busybox-static: it needs no library.
_BUSYBOX = Path("/bin/busybox")
_READY_SECONDS = 60.0
_NEEDED = "containerd containerd-shim-runc-v2 ctr runc iptables ipset ip mount nsenter unshare".split()
_NETWORK_PLUGINS = Path("/usr/lib/cni")
_RUNTIME = "/run/containerd/containerd.sock"
_PATH = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"


class NodeError(RuntimeError):
    """The node does not become ready; the message says what it lacks."""


def fault(root: Path) -> str | None:
    """Why a cluster in the folder ``root`` cannot have a node here, with what to do; None where it can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "a real node needs Linux and root; anybody can have NODES=simulated"
    if covered := enclosure.covers(root):
        return f"a real node does not see {covered}, where {root} is: clone the repository to another place"
    missing = [name for name in _NEEDED if shutil.which(name, path=_PATH) is None]
    missing += [] if _NETWORK_PLUGINS.is_dir() else [str(_NETWORK_PLUGINS)]
    missing += [] if _is_static(_BUSYBOX) else ["busybox-static"]
    if missing:
        return f"a real node needs {', '.join(missing)}: `.ci/install-cluster-tools` gets them from Debian"
    return None


def _is_static(program: Path) -> bool:
    """Whether a program is there, and names no loader of libraries."""
    try:
        with program.open("rb") as file:
            return b"/ld-" not in file.read(4096)
    except OSError:
        return False


def programs(plan: Plan) -> list[Program]:
    """Everything that a node needs to become ready, in the order in which its parts need each other."""
    return [_containerd(plan), _kubelet(plan), _proxy(plan), volumes.provisioner(plan)]


def enforcer(plan: Plan) -> Program:
    """What makes network policies act, on a node that is ready."""
    return policies.enforcer(plan, NAME, _PATH)


def forwarder(plan: Plan) -> Program:
    """Makes the API server in the node's network reachable on this machine's loopback."""
    command = [str(plan.layout.python), "-m", "infra.cluster.forward"]
    command += [str(plan.record.ports.api), f"127.0.0.1:{API_PORT}"]
    return Program(name="forward", command=command, environment={}, health={}, directory=str(plan.layout.data))


def in_network(one: Program) -> Program:
    """The same program in the node's own network."""
    return replace(one, command=[*enclosure.IN_NETWORK, *one.command], environment={**one.environment, "PATH": _PATH})


def furnish(plan: Plan, api: Api) -> None:
    """Give the node its images and the objects of what serves its pods, and return when it is ready for pods.

    Raises:
        NodeError: It is not ready within a minute.
    """
    pause = images.of_program(SANDBOX_IMAGE, _BUSYBOX, ["/bin/busybox", "sleep", "2147483647"])
    helper = images.of_program(
        volumes.HELPER_IMAGE, _BUSYBOX, ["/bin/sh"], beside=dict.fromkeys(volumes.HELPER_PROGRAMS, _BUSYBOX)
    )
    _insist(lambda: images.load(pause, plan.layout))
    for image in (helper, name_server.image(plan.tools[name_server.TOOL])):
        images.load(image, plan.layout)
    for one in (*name_server.objects(), *policies.objects(), *volumes.objects(), *metrics.objects()):
        api.apply(one)
    _insist(lambda: _expect_ready(api))


def announce_metrics(plan: Plan, api: Api) -> None:
    """Let the API server pass questions on to the server of metrics, which runs, and return when it does.

    Raises:
        NodeError: It does not within a minute.
    """
    for one in metrics.announcement(plan.authority.certificate):
        api.apply(one)
    _insist(lambda: _expect_metrics(api))


def _insist(step: Callable[[], None]) -> None:
    """Do what a part of the node that is still starting refuses, until it does not."""
    deadline = time.monotonic() + _READY_SECONDS
    while True:
        try:
            return step()
        except (images.ImageError, NodeError) as error:
            if time.monotonic() > deadline:
                raise NodeError(str(error)) from None
        time.sleep(0.2)


def _expect_ready(api: Api) -> None:
    found = api.get("v1", "Node", NAME)
    conditions = found["status"]["conditions"] if found else []
    ready = next((one for one in conditions if one["type"] == "Ready"), {"status": "Unknown", "message": "not there"})
    if ready["status"] != "True":
        raise NodeError(f"the node is not ready: {ready['message']}")
    if not name_server.is_ready(api):
        raise NodeError("the pods' name server does not become ready")


def _expect_metrics(api: Api) -> None:
    if fault := metrics.fault(api):
        raise NodeError(f"the metrics API does not answer: {fault}")


def _containerd(plan: Plan) -> Program:
    """Its folders and its socket are at their default places, which are the node's own."""
    network = {
        "cniVersion": "0.4.0",
        "name": "keelson",
        "plugins": [
            # Each pod has a pair of interfaces, and every packet is routed: Services need no bridge that filters.
            {
                "type": "ptp",
                "ipam": {
                    "type": "host-local",
                    "ranges": [[{"subnet": str(PODS)}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": True}},
        ],
    }
    return Program(
        name="containerd",
        command=["containerd", "--config", plan.file("containerd.toml")],
        environment={},
        health={},
        directory=str(plan.layout.data / "containerd"),
        files={
            plan.file("containerd.toml"): _RUNTIME_SETTINGS.format(
                image=SANDBOX_IMAGE, plugins=_NETWORK_PLUGINS, network=plan.file("network")
            ),
            f"{plan.file('network')}/10-keelson.conflist": json.dumps(network),
        },
    )


def _kubelet(plan: Plan) -> Program:
    settings = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": str(NODE_ADDRESS),
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": plan.file("ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": plan.file("kubelet.crt"),
        "tlsPrivateKeyFile": plan.file("kubelet.key"),
        "containerRuntimeEndpoint": f"unix://{_RUNTIME}",
        "clusterDNS": [str(NAME_SERVICE)],
        "clusterDomain": DOMAIN,
        # Pods ask the cluster's name server alone.
        "resolvConf": "",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{control_groups.name(plan.layout)}",
        "failCgroupV1": False,
        "failSwapOn": False,
        # A machine whose disk is nearly full can still be tested on.
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "imageGCHighThresholdPercent": 100,
    }
    flags: dict[str, object] = {
        "config": plan.file("kubelet.json"),
        "kubeconfig": plan.file("kubelet.kubeconfig"),
        "hostname-override": NAME,
        "node-ip": NODE_ADDRESS,
    }
    files = {
        "kubelet.json": json.dumps(settings),
        "kubelet.kubeconfig": plan.user(f"system:node:{NAME}", "system:nodes"),
        **pair("kubelet", plan.authority.server("kubelet", [str(NODE_ADDRESS), NAME])),
    }
    return plan.program("kubelet", flags, files)


def _proxy(plan: Plan) -> Program:
    settings = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "iptables",
        "hostnameOverride": NAME,
        "clusterCIDR": str(PODS),
        "clientConnection": {"kubeconfig": plan.file("kube-proxy.kubeconfig")},
        "healthzBindAddress": f"{NODE_ADDRESS}:10256",
        "metricsBindAddress": "127.0.0.1:10249",
        # Limits of the whole machine's connections are not this node's to set.
        "conntrack": {"maxPerCore": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    }
    files = {
        "kube-proxy.json": json.dumps(settings),
        "kube-proxy.kubeconfig": plan.user("system:kube-proxy"),
    }
    return plan.program("kube-proxy", {"config": plan.file("kube-proxy.json")}, files)


_RUNTIME_SETTINGS = """version = 2
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs"]
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{image}"
# A machine that is itself a guest may refuse to protect a container's process more than its own.
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{plugins}"
conf_dir = "{network}"
"""
