"""The API of a cluster by its kubeconfig: objects applied, tried, asked for and removed."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import urllib3.exceptions
from kubernetes import client as kubernetes
from kubernetes import config
from kubernetes.client.exceptions import ApiException
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.exceptions import DynamicApiError, ResourceNotFoundError

Manifest = Mapping[str, Any]

# Seconds to connect, and to wait for an answer.
_PATIENCE = (5, 30)
# Who the fields of applied objects belong to.
_MANAGER = "keelson"


class Unreachable(RuntimeError):
    """No cluster answers; the message says where it was looked for."""


class Refused(ValueError):
    """The API server does not take an object; the message is its own."""


@dataclass(frozen=True)
class Answer:
    """What the API server makes of an object.

    Attributes:
        content: The object as it is, or would be, stored.
        warnings: What it is taken in spite of.
    """

    content: Manifest
    warnings: Sequence[str] = field(default_factory=tuple)


class Api:
    """One cluster's API.

    Args:
        kubeconfig: File that names the cluster and the user.
        acting_as: User and groups to act as instead, for which the file's user needs the right.

    Raises:
        Unreachable: The file is no kubeconfig, or nobody answers.
    """

    def __init__(self, kubeconfig: Path, acting_as: Sequence[str] = ()) -> None:
        try:
            self._client = DynamicClient(connect(kubeconfig, acting_as))
        except (urllib3.exceptions.HTTPError, ApiException, DynamicApiError) as error:
            raise Unreachable(f"the cluster of {kubeconfig} does not answer: {error}") from None

    def apply(self, manifest: Manifest, *, dry: bool = False) -> Answer:
        """Server-side apply; unknown and repeated fields are refused.

        Args:
            dry: Go through all of admission, and store nothing.

        Raises:
            Refused: The API server does not take it, or does not know the kind.
        """
        name = manifest["metadata"]["name"]
        path = self._path(manifest, name)
        query = [("fieldManager", _MANAGER), ("force", "true")]
        return self._send("patch", path, manifest, [*query, *_how(dry)], "application/apply-patch+yaml")

    def create(self, manifest: Manifest, *, dry: bool = False) -> Answer:
        """Make a new object, which may be named by ``generateName``.

        Raises:
            Refused: As for ``apply``; or one of this name is there.
        """
        return self._send("post", self._path(manifest, None), manifest, _how(dry), "application/json")

    def get(self, version: str, kind: str, name: str, namespace: str | None = None) -> dict[str, Any] | None:
        """One object; None where there is none."""
        try:
            return (
                self._resource(version, kind).get(name=name, namespace=namespace, _request_timeout=_PATIENCE).to_dict()
            )
        except DynamicApiError as error:
            if error.status == 404:
                return None
            raise

    def every(self, version: str, kind: str, namespace: str | None = None, selector: str = "") -> list[dict[str, Any]]:
        """All objects of a kind, in one namespace or in all, that carry the labels of ``selector``."""
        found = self._resource(version, kind).get(
            namespace=namespace, label_selector=selector or None, _request_timeout=_PATIENCE
        )
        return found.to_dict()["items"]

    def delete(self, manifest: Manifest, *, now: bool = False) -> None:
        """Remove an object and what it owns; nothing happens where it is gone.

        Args:
            now: Do not wait for its processes to end.
        """
        metadata = manifest["metadata"]
        body = {"propagationPolicy": "Background", **({"gracePeriodSeconds": 0} if now else {})}
        try:
            self._resource(manifest["apiVersion"], manifest["kind"]).delete(
                name=metadata["name"], namespace=metadata.get("namespace"), body=body, _request_timeout=_PATIENCE
            )
        except DynamicApiError as error:
            if error.status != 404:
                raise

    def _resource(self, version: str, kind: str) -> Any:
        try:
            return self._client.resources.get(api_version=version, kind=kind)
        except ResourceNotFoundError:
            raise Refused(f"the cluster has no {version} {kind}") from None

    def _path(self, manifest: Manifest, name: str | None) -> str:
        resource = self._resource(manifest["apiVersion"], manifest["kind"])
        namespace = manifest["metadata"].get("namespace") if resource.namespaced else None
        return resource.path(name=name, namespace=namespace)

    def _send(self, method: str, path: str, body: Manifest, query: list[tuple[str, str]], content_type: str) -> Answer:
        try:
            answer: Any = self._client.request(
                method,
                path,
                body=body,
                query_params=query,
                content_type=content_type,
                _request_timeout=_PATIENCE,
                serialize=False,
            )
        except DynamicApiError as error:
            raise Refused(_message(error)) from None
        warnings = answer.headers.getlist("Warning")
        return Answer(json.loads(answer.data), [text.split('"')[1] for text in warnings])


def connect(kubeconfig: Path, acting_as: Sequence[str] = ()) -> kubernetes.ApiClient:
    """A connection that is tried when it is used.

    Args:
        kubeconfig: As for ``Api``.
        acting_as: As for ``Api``.

    Raises:
        Unreachable: The file is not there or is no kubeconfig.
    """
    try:
        made = config.new_client_from_config(str(kubeconfig))
    except config.ConfigException as error:
        raise Unreachable(f"{kubeconfig} is no kubeconfig: {error}") from None
    for header, value in zip(("Impersonate-User", "Impersonate-Group"), acting_as, strict=False):
        made.set_default_header(header, value)
    return made


def version(kubeconfig: Path) -> str:
    """Version of the API server, such as ``v1.36.3``.

    Raises:
        Unreachable: It does not answer.
    """
    try:
        told: Any = kubernetes.VersionApi(connect(kubeconfig)).get_code(_request_timeout=_PATIENCE)
    except (urllib3.exceptions.HTTPError, ApiException) as error:
        raise Unreachable(f"the cluster of {kubeconfig} does not answer: {error}") from None
    return told.git_version


def answers(kubeconfig: Path) -> bool:
    """Whether a cluster answers."""
    try:
        version(kubeconfig)
    except Unreachable:
        return False
    return True


def _how(dry: bool) -> list[tuple[str, str]]:
    return [("fieldValidation", "Strict"), *([("dryRun", "All")] if dry else [])]


def _message(error: DynamicApiError) -> str:
    """What the API server says, without the rest of its answer."""
    try:
        return json.loads(error.body)["message"]
    except (ValueError, KeyError, TypeError):
        return f"{error.status} {error.reason}"
