"""Kubeflow Pipelines of a cloud stack as CI reaches it: through Kubernetes' API server, by a token for this alone.

docs/kubeflow.md, "Starting runs from CI", says why.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubernetes import client as kubernetes

from infra.apps.roles import SUBMITTER
from infra.operations.cluster_api import reaching

NAMESPACE = "kubeflow"
_PROXY = f"api/v1/namespaces/{NAMESPACE}/services/ml-pipeline:http/proxy"
# As long as a job of GitHub may last: the run is waited for.
_SECONDS = 6 * 3600


@dataclass(frozen=True)
class Access:
    """What ``pipelines.submit`` needs to start a run from outside the cluster.

    Attributes:
        endpoint: Address of Kubeflow Pipelines.
        token: File with the token of the account that may start runs.
        authority: File with the certificates that vouch for the address.
    """

    endpoint: str
    token: Path
    authority: Path

    def options(self) -> list[str]:
        """Of ``pipelines.submit``."""
        files = ["--token-file", str(self.token), "--authority-file", str(self.authority)]
        return ["--endpoint", self.endpoint, *files]


def open_access(configuration: kubernetes.Configuration, folder: Path) -> Access:
    """Get a token of the account that may start runs, and nothing else.

    Args:
        configuration: How the cluster's API is reached, as somebody who may ask for such a token.
        folder: Where to put the token, which only this user can then read.

    Raises:
        infra.operations.cluster_api.ClusterUnreachable: The API does not answer, or refuses.
    """
    asked = {"spec": {"expirationSeconds": _SECONDS}}
    with reaching(configuration.host):
        api = kubernetes.CoreV1Api(kubernetes.ApiClient(configuration))
        answer: Any = api.create_namespaced_service_account_token(SUBMITTER, NAMESPACE, asked)
    token = folder / "token"
    token.touch(mode=0o600)
    token.write_text(answer.status.token)
    return Access(f"{configuration.host.rstrip('/')}/{_PROXY}", token, Path(str(configuration.ssl_ca_cert)))
