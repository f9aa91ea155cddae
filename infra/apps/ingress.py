"""The stack's pages on the internet: one load balancer, and in front of every page a proxy that signs people in.

Nothing here is made without the setting ``sign-in``: pages are then reached by `kubectl port-forward` only.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes import meta, networking

from infra.apps import workload as described
from infra.apps.application import Server
from infra.apps.contract import address
from infra.apps.workload import Check, Probes, Size, Workload
from infra.settings.cloud import CloudSettings, SignIn

NAMESPACE = "ingress"
PORT = 4180
SECRET = "sign-in"  # noqa: S105 (a name)
_SECRETS = "/etc/keelson/sign-in"
_GROUP = "keelson"


@dataclass(frozen=True, kw_only=True)
class Page:
    """A page and the service that it comes from."""

    service: str
    namespace: str
    port: int

    @property
    def upstream(self) -> str:
        """Address inside the cluster."""
        return address(self.service, self.namespace, self.port)


# The first part of a page's public name → where it comes from.
PAGES: Mapping[str, Page] = {
    "mlflow": Page(service="mlflow", namespace="mlflow", port=5000),
    "kfp": Page(service="ml-pipeline-ui", namespace="kubeflow", port=80),
    "grafana": Page(service="grafana", namespace="monitoring", port=80),
    "feast": Page(service="feast", namespace="feast", port=8888),
    "evidently": Page(service="evidently", namespace="monitoring", port=8000),
}


def proxy(name: str, page: Page, sign_in: SignIn, *, vpc_cidr: str, image: pulumi.Input[str]) -> Workload:
    """oauth2-proxy before one page. Who has signed in at one page is signed in at all: the cookie is the domain's."""
    domain = sign_in.domain
    return Workload(
        namespace=NAMESPACE,
        name=f"sign-in-{name}",
        component="sign-in",
        image=image,
        arguments=[
            f"--http-address=0.0.0.0:{PORT}",
            f"--upstream={page.upstream}",
            "--provider=oidc",
            f"--oidc-issuer-url={sign_in.issuer}",
            f"--client-id={sign_in.client_id}",
            f"--client-secret-file={_SECRETS}/client-secret",
            f"--cookie-secret-file={_SECRETS}/cookie-secret",
            "--scope=openid email",
            "--code-challenge-method=S256",
            f"--redirect-url=https://{name}.{domain}/oauth2/callback",
            f"--email-domain={sign_in.email_domain}",
            "--cookie-name=__Secure-keelson",
            f"--cookie-domain=.{domain}",
            f"--whitelist-domain=.{domain}",
            "--cookie-secure=true",
            "--cookie-httponly=true",
            "--cookie-samesite=lax",
            "--cookie-expire=12h",
            "--cookie-refresh=1h",
            "--reverse-proxy=true",
            f"--trusted-proxy-ip={vpc_cidr}",
            "--skip-provider-button=true",
        ],
        size=Size(cpu=5, memory=24, memory_limit=96, disk=32, burst=40),
        ports={"http": PORT},
        probes=Probes(alive=Check(port="http", path="/ping"), ready=Check(port="http", path="/ready")),
        secret_files={_SECRETS: SECRET},
        drain_seconds=15,
    )


def annotations(sign_in: SignIn) -> dict[str, str]:
    """What the load balancer controller is told; all pages share one load balancer by the group's name."""
    settings = {
        "group.name": _GROUP,
        "scheme": "internet-facing",
        "target-type": "ip",
        "listen-ports": json.dumps([{"HTTP": 80}, {"HTTPS": 443}]),
        "ssl-redirect": "443",
        "ssl-policy": "ELBSecurityPolicy-TLS13-1-2-2021-06",
        "certificate-arn": sign_in.certificate_arn,
        "healthcheck-path": "/ping",
        "load-balancer-attributes": "routing.http.drop_invalid_header_fields.enabled=true",
    }
    return {f"alb.ingress.kubernetes.io/{key}": value for key, value in settings.items()}


def rules(name: str, domain: str) -> networking.v1.IngressSpecArgs:
    """Everything under the page's name goes to its proxy."""
    service = networking.v1.IngressServiceBackendArgs(
        name=f"sign-in-{name}", port=networking.v1.ServiceBackendPortArgs(name="http")
    )
    path = networking.v1.HTTPIngressPathArgs(
        path="/", path_type="Prefix", backend=networking.v1.IngressBackendArgs(service=service)
    )
    return networking.v1.IngressSpecArgs(
        ingress_class_name="alb",
        rules=[
            networking.v1.IngressRuleArgs(
                host=f"{name}.{domain}", http=networking.v1.HTTPIngressRuleValueArgs(paths=[path])
            )
        ],
    )


class Pages(pulumi.ComponentResource):
    """All pages of ``PAGES`` behind sign-in."""

    def __init__(
        self,
        name: str,
        *,
        image: pulumi.Input[str],
        sign_in: SignIn,
        vpc_cidr: str,
        settings: CloudSettings,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("keelson:apps:Pages", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        for title, page in PAGES.items():
            workload = proxy(title, page, sign_in, vpc_cidr=vpc_cidr, image=image)
            server = Server(f"{name}-{title}", workload, replicas=settings.replicas, opts=child)
            networking.v1.Ingress(
                f"{name}-{title}-ingress",
                metadata=meta.v1.ObjectMetaArgs(
                    name=title,
                    namespace=NAMESPACE,
                    labels=described.labels(workload),
                    annotations=annotations(sign_in),
                ),
                spec=rules(title, sign_in.domain),
                # The controller asks the service, whose name the rules only spell out, for its pods.
                opts=pulumi.ResourceOptions(parent=self, depends_on=[server]),
            )
        self.register_outputs({})
