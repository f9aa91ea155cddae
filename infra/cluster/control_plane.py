"""The servers of Kubernetes' control plane, as programs for the supervisor. No side effects."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from infra.cluster.certificates import Authority, KeyPair, signing_key
from infra.cluster.kubeconfig import kubeconfig
from infra.cluster.layout import ClusterLayout
from infra.cluster.record import API_SERVICE, DOMAIN, NODE_ADDRESS, SERVICES, Record
from infra.local.program import Program

ADMINISTRATORS = "system:masters"
# What the servers of the control plane are built from; see infra/tools/versions.toml.
TOOLS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")

# As whom the API server passes questions on to other servers.
_AGGREGATOR = "aggregator"
_API_NAMES = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", f"kubernetes.default.svc.{DOMAIN}")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What programs are described from.

    Attributes:
        tools: Program of each tool.
        authority: Signs every certificate of the cluster.
    """

    layout: ClusterLayout
    record: Record
    tools: Mapping[str, Path]
    authority: Authority

    def user(self, name: str, *groups: str) -> str:
        """A kubeconfig for one of the cluster's own programs."""
        return kubeconfig(self.record.inner_server, self.authority.certificate, self.authority.client(name, groups))

    def administrator(self) -> str:
        """A kubeconfig for people and tests, who may do everything."""
        user = self.authority.client("administrator", [ADMINISTRATORS])
        return kubeconfig(self.record.server, self.authority.certificate, user)

    def answers(self, port: int, path: str = "/healthz") -> dict[str, Any]:
        """The health of a server on a port of this machine; that of a real node's is seen through the API alone."""
        here = self.record.nodes == "simulated" or port == self.record.ports.api
        return {"http": [f"https://127.0.0.1:{port}{path}"], "authority": self.file("ca.crt")} if here else {}

    def file(self, name: str) -> str:
        """Path of a file with keys in it."""
        return str(self.layout.keys / name)

    def program(
        self, name: str, flags: Mapping[str, object], files: Mapping[str, str], health: Mapping[str, Any] | None = None
    ) -> Program:
        """A program that takes ``--flag=value``.

        Args:
            files: Contents by name; they are written to the folder of keys.
            health: As of a ``Program``.
        """
        return Program(
            name=name,
            command=[str(self.tools[name]), *(f"--{flag}={value}" for flag, value in flags.items())],
            environment={},
            health=health or {},
            directory=str(self.layout.data / name),
            files={self.file(file): text for file, text in files.items()},
        )


def programs(plan: Plan) -> list[Program]:
    """Etcd, API server, controller manager and scheduler, in the order in which they need each other."""
    private, public = signing_key()
    return [
        _etcd(plan),
        _api_server(plan, private, public),
        _controller_manager(plan, private),
        _scheduler(plan),
    ]


def _etcd(plan: Plan) -> Program:
    """One member; whoever talks to it shows a certificate of the cluster."""
    here, peer = (f"https://127.0.0.1:{port}" for port in (plan.record.ports.etcd, plan.record.ports.etcd_peer))
    tls = {"cert-file": plan.file("etcd.crt"), "key-file": plan.file("etcd.key")}
    tls["trusted-ca-file"] = plan.file("ca.crt")
    flags: dict[str, object] = {
        "name": "keelson",
        "data-dir": plan.layout.data / "etcd" / "member",
        "listen-client-urls": here,
        "advertise-client-urls": here,
        "listen-peer-urls": peer,
        "initial-advertise-peer-urls": peer,
        "initial-cluster": f"keelson={peer}",
        **tls,
        **{f"peer-{name}": value for name, value in tls.items()},
        "client-cert-auth": "true",
        "peer-client-cert-auth": "true",
        # The data of a cluster for tests need not outlive a power cut.
        "unsafe-no-fsync": "true",
        "log-level": "warn",
    }
    return plan.program("etcd", flags, pair("etcd", plan.authority.server("etcd", ["127.0.0.1"])))


def _api_server(plan: Plan, private: str, public: str) -> Program:
    """The API server, with what EKS has on: RBAC, NodeRestriction, and the admission that is on by default."""
    hosts = ("127.0.0.1", "localhost", str(API_SERVICE), str(NODE_ADDRESS), *_API_NAMES)
    kubelet = plan.authority.client("kube-apiserver", [ADMINISTRATORS])
    # An authority of its own: whoever it signs for may speak for any user.
    aggregation = Authority("keelson-aggregation")
    flags: dict[str, object] = {
        # A real node has a network of its own, where pods reach the API server too.
        "bind-address": "127.0.0.1" if plan.record.nodes == "simulated" else "0.0.0.0",  # noqa: S104
        "secure-port": plan.record.api_port,
        # The address that pods reach it by.
        "advertise-address": NODE_ADDRESS,
        "etcd-servers": f"https://127.0.0.1:{plan.record.ports.etcd}",
        "etcd-cafile": plan.file("ca.crt"),
        "etcd-certfile": plan.file("etcd-client.crt"),
        "etcd-keyfile": plan.file("etcd-client.key"),
        "client-ca-file": plan.file("ca.crt"),
        "tls-cert-file": plan.file("kube-apiserver.crt"),
        "tls-private-key-file": plan.file("kube-apiserver.key"),
        "kubelet-certificate-authority": plan.file("ca.crt"),
        "kubelet-client-certificate": plan.file("kubelet-client.crt"),
        "kubelet-client-key": plan.file("kubelet-client.key"),
        "kubelet-preferred-address-types": "InternalIP",
        "proxy-client-cert-file": plan.file("aggregator.crt"),
        "proxy-client-key-file": plan.file("aggregator.key"),
        "requestheader-client-ca-file": plan.file("aggregator-ca.crt"),
        "requestheader-allowed-names": _AGGREGATOR,
        "requestheader-username-headers": "X-Remote-User",
        "requestheader-group-headers": "X-Remote-Group",
        "requestheader-extra-headers-prefix": "X-Remote-Extra-",
        # A node's own network has no route to Services: their endpoints are called.
        "enable-aggregator-routing": "true",
        "service-account-issuer": f"https://kubernetes.default.svc.{DOMAIN}",
        "service-account-key-file": plan.file("service-accounts.pub"),
        "service-account-signing-key-file": plan.file("service-accounts.key"),
        "service-cluster-ip-range": SERVICES,
        "authorization-mode": "Node,RBAC",
        "enable-admission-plugins": "NodeRestriction",
        # As on EKS: Pod Security decides by namespace.
        "allow-privileged": "true",
        "profiling": "false",
    }
    files = {
        "ca.crt": plan.authority.certificate,
        "service-accounts.pub": public,
        "service-accounts.key": private,
        **pair("kube-apiserver", plan.authority.server("kube-apiserver", hosts)),
        **pair("etcd-client", plan.authority.client("kube-apiserver")),
        **pair("kubelet-client", kubelet),
        "aggregator-ca.crt": aggregation.certificate,
        **pair("aggregator", aggregation.client(_AGGREGATOR)),
    }
    made = plan.program("kube-apiserver", flags, files, plan.answers(plan.record.ports.api, "/readyz"))
    # Asked to end, it waits for pods that watch, which do not hear of it.
    return replace(made, stop_signal="KILL")


def _controller_manager(plan: Plan, private: str) -> Program:
    name = "kube-controller-manager"
    flags: dict[str, object] = {
        **_as_user(plan, name),
        "secure-port": plan.record.ports.controller_manager,
        "root-ca-file": plan.file("ca.crt"),
        "service-account-private-key-file": plan.file("service-accounts.key"),
        # Each controller has the rights of its own account, as on a real cluster.
        "use-service-account-credentials": "true",
    }
    files = {**_own_files(plan, name), "service-accounts.key": private}
    return plan.program(name, flags, files, plan.answers(plan.record.ports.controller_manager))


def _scheduler(plan: Plan) -> Program:
    name = "kube-scheduler"
    flags = {**_as_user(plan, name), "secure-port": plan.record.ports.scheduler}
    return plan.program(name, flags, _own_files(plan, name), plan.answers(plan.record.ports.scheduler))


def _as_user(plan: Plan, name: str) -> dict[str, object]:
    """Flags of a server that works by way of the API server, and is asked on loopback alone."""
    file = plan.file(f"{name}.kubeconfig")
    return {
        "kubeconfig": file,
        "authentication-kubeconfig": file,
        "authorization-kubeconfig": file,
        "bind-address": "127.0.0.1",
        "tls-cert-file": plan.file(f"{name}.crt"),
        "tls-private-key-file": plan.file(f"{name}.key"),
        # There is one of each.
        "leader-elect": "false",
        "profiling": "false",
    }


def _own_files(plan: Plan, name: str) -> dict[str, str]:
    served = plan.authority.server(name, ["127.0.0.1"])
    return {f"{name}.kubeconfig": plan.user(f"system:{name}"), **pair(name, served)}


def pair(name: str, made: KeyPair) -> dict[str, str]:
    """The files of a key pair, by name."""
    return {f"{name}.crt": made.certificate, f"{name}.key": made.key}
