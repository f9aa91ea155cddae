"""The Kubernetes API of a stack's cluster, with a token made from the caller's AWS credentials."""

import base64
import binascii
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import boto3
import urllib3.exceptions
from botocore.signers import RequestSigner
from kubernetes import client as kubernetes
from kubernetes.client.exceptions import ApiException
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.exceptions import ResourceNotFoundError

from infra.operations.account import Absent, Account

# Seconds to connect, and to wait for an answer.
_PATIENCE = (5, 30)
# EKS takes a token for 15 minutes; the signed address in it need only live until it is used.
_SIGNED_SECONDS = 60


class ClusterGone(RuntimeError):
    """There is no such cluster."""


class ClusterUnreachable(RuntimeError):
    """The cluster is there, and its API does not answer from here; the message says why."""


@dataclass(frozen=True, kw_only=True, order=True)
class Kind:
    """A kind of object, ``Kind(version="karpenter.sh/v1", name="NodePool")``."""

    version: str
    name: str


@dataclass(frozen=True)
class Object:
    """An object as the API shows it."""

    kind: Kind
    content: Mapping[str, Any]

    @property
    def name(self) -> str:
        return self.content["metadata"]["name"]

    @property
    def namespace(self) -> str | None:
        return self.content["metadata"].get("namespace")

    @property
    def finalizers(self) -> tuple[str, ...]:
        """Who must agree before it goes."""
        return tuple(self.content["metadata"].get("finalizers") or ())

    def __str__(self) -> str:
        return f"{self.kind.name} {self.namespace}/{self.name}" if self.namespace else f"{self.kind.name} {self.name}"


class ClusterApi(Protocol):
    """What a drain needs of a cluster. All of it raises ``ClusterUnreachable``."""

    def every(self, kind: Kind) -> list[Object]:
        """All objects of a kind in all namespaces; none where the cluster does not know the kind."""
        ...

    def find(self, kind: Kind, name: str, namespace: str | None) -> Object | None:
        """One object."""
        ...

    def delete(self, one: Object) -> None:
        """Ask for the object's end; nothing happens if it is gone already."""
        ...


class KubernetesApi:
    """A ``ClusterApi`` over HTTPS.

    Args:
        configuration: Address, certificate and token.
        cache: Folder for what the API says of its kinds.
    """

    def __init__(self, configuration: kubernetes.Configuration, cache: Path) -> None:
        with reaching(configuration.host):
            self._client = DynamicClient(kubernetes.ApiClient(configuration), cache_file=str(cache / "kinds.json"))
        self._host = configuration.host

    def every(self, kind: Kind) -> list[Object]:
        with reaching(self._host):
            resource = self._resource(kind)
            found = resource.get(_request_timeout=_PATIENCE).to_dict()["items"] if resource else []
        return [Object(kind, one) for one in found]

    def find(self, kind: Kind, name: str, namespace: str | None) -> Object | None:
        with reaching(self._host):
            resource = self._resource(kind)
            try:
                found = resource.get(name=name, namespace=namespace, _request_timeout=_PATIENCE) if resource else None
            except ApiException as error:
                if error.status != 404:
                    raise
                return None
        return Object(kind, found.to_dict()) if found else None

    def delete(self, one: Object) -> None:
        with reaching(self._host):
            resource = self._resource(one.kind)
            try:
                if resource:
                    options = {"propagationPolicy": "Background"}
                    resource.delete(name=one.name, namespace=one.namespace, body=options, _request_timeout=_PATIENCE)
            except ApiException as error:
                if error.status != 404:
                    raise

    def ask_service(self, namespace: str, service: str, path: str, query: Mapping[str, str]) -> Any:
        """What a service inside the cluster answers to GET, asked through the Kubernetes API.

        Args:
            service: ``<name>:<port>``.
            path: Begins with ``/``.

        Returns:
            The parsed JSON.

        Raises:
            ClusterUnreachable: The API does not answer, refuses, or cannot reach the service.
        """
        address = f"/api/v1/namespaces/{namespace}/services/{service}/proxy{path}"
        with reaching(self._host):
            return self._client.client.call_api(
                address,
                "GET",
                query_params=list(query.items()),
                header_params={"Accept": "application/json"},
                auth_settings=["BearerToken"],
                response_type="object",
                _return_http_data_only=True,
                _request_timeout=_PATIENCE,
            )

    def _resource(self, kind: Kind) -> Any:
        try:
            return self._client.resources.get(api_version=kind.version, kind=kind.name)
        except ResourceNotFoundError:
            return None


@contextmanager
def reaching(host: str) -> Iterator[None]:
    """Whatever goes wrong between here and the API is a ``ClusterUnreachable``."""
    try:
        yield
    except urllib3.exceptions.HTTPError as error:
        raise ClusterUnreachable(f"the cluster's API at {host} does not answer from here: {error}") from None
    except ApiException as error:
        raise ClusterUnreachable(f"the cluster's API at {host} refused: {error.status} {error.reason}") from None


@contextmanager
def connected(account: Account, cluster: str) -> Iterator[KubernetesApi]:
    """The API of an EKS cluster.

    Raises:
        ClusterGone: There is no such cluster.
        ClusterUnreachable: It does not answer.
        AccountError: AWS does not say where it is.
    """
    with tempfile.TemporaryDirectory() as folder:
        yield KubernetesApi(reached(account, cluster, Path(folder)), Path(folder))


def reached(account: Account, cluster: str, folder: Path) -> kubernetes.Configuration:
    """How the API of an EKS cluster is reached; its certificate authority is put into ``folder``.

    Raises:
        ClusterGone: There is no such cluster.
        ClusterUnreachable: It is not ready.
        AccountError: AWS does not say where it is.
    """
    try:
        found = account.ask("eks", "describe_cluster", name=cluster)["cluster"]
    except Absent:
        raise ClusterGone(f"there is no cluster {cluster}") from None
    if found["status"] not in ("ACTIVE", "UPDATING"):
        raise ClusterUnreachable(f"cluster {cluster} is {found['status']}")
    authority = folder / "ca.pem"
    try:
        authority.write_bytes(base64.b64decode(found["certificateAuthority"]["data"]))
    except (KeyError, binascii.Error):
        raise ClusterUnreachable(f"cluster {cluster} has no certificate yet") from None
    return configuration(found["endpoint"], authority, lambda: token(account.region, cluster))


def configuration(host: str, authority: Path, fresh_token: Callable[[], str]) -> kubernetes.Configuration:
    """A connection that takes a fresh token for each request: one drain outlives a token."""
    made: Any = kubernetes.Configuration(host=host)
    made.ssl_ca_cert = str(authority)
    made.retries = 2

    def refresh(chosen: kubernetes.Configuration) -> None:
        chosen.api_key["authorization"] = f"Bearer {fresh_token()}"

    made.refresh_api_key_hook = refresh
    refresh(made)
    return made


def token(region: str, cluster: str) -> str:
    """What ``aws eks get-token`` gives: a signed question to STS of who is asking, for this cluster alone."""
    session = boto3.Session(region_name=region)
    service = session.client("sts").meta.service_model.service_id
    signer = RequestSigner(service, region, "sts", "v4", session.get_credentials(), session.events)
    request = {
        "method": "GET",
        "url": f"https://sts.{region}.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15",
        "body": {},
        "headers": {"x-k8s-aws-id": cluster},
        "context": {},
    }
    address = signer.generate_presigned_url(request, region_name=region, expires_in=_SIGNED_SECONDS, operation_name="")
    return "k8s-aws-v1." + base64.urlsafe_b64encode(str(address).encode()).decode().rstrip("=")
