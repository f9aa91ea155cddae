"""Kubeflow Pipelines: upstream's objects, changed to run on this stack's bucket, database and rules.

``kustomization/`` holds the changes that are the same in every stack, and names upstream's objects by their version.
This module makes what differs between stacks, and what is secret.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes import apiextensions, core, meta

from infra.apps.application import digest_of
from infra.apps.foundation import CloudFoundation, same_keys
from infra.apps.kubeflow import configuration
from infra.apps.kubeflow.admission import StepAdmission
from infra.apps.kubeflow.images import pulled, with_pinned_images
from infra.apps.secrets import external_secret
from infra.settings.cloud import CloudSettings
from infra.versions import versions

NAMESPACE = "kubeflow"
DATABASE_SECRET = "mysql-secret"  # noqa: S105 (a name)
PAGE_SECRET = "ml-pipeline-ui"  # noqa: S105 (a name)
DEFINITIONS, PIPELINES = (Path(__file__).with_name("kustomization") / part for part in ("definitions", "pipelines"))

_SOURCE = "kubeflow-database"
_GENERATORS = "generators.external-secrets.io/v1alpha1"


class KubeflowPipelines(pulumi.ComponentResource):
    """API server, page, metadata store and Argo Workflows, signed in to S3 by Pod Identity and to MySQL."""

    def __init__(
        self,
        name: str,
        foundation: CloudFoundation,
        settings: CloudSettings,
        *,
        needs: Sequence[pulumi.Resource] = (),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """``needs``: the namespace, External Secrets, the databases, and nodes."""
        provider = pulumi.ResourceOptions(providers=[foundation.provider])
        super().__init__("keelson:apps:KubeflowPipelines", name, None, pulumi.ResourceOptions.merge(opts, provider))
        self._name = name
        # Their namespace and kinds come from what is needed, which they only name.
        first = pulumi.ResourceOptions(parent=self, depends_on=list(needs))
        values = configuration.config_maps(foundation, settings)
        read = [*self._config_maps(values, first), *self._secrets(foundation, first)]
        rule = StepAdmission(f"{name}-steps", NAMESPACE, first)
        definitions = self._directory("definitions", DEFINITIONS, first)
        # Pods do not start without what they read, objects of a kind do not exist before it does, and no run is
        # started before there is a rule for its pods.
        last = pulumi.ResourceOptions(
            parent=self,
            depends_on=[*needs, *read, definitions, rule],
            transforms=[adjustment(settings, digest_of(configuration.flat(values)))],
        )
        self._directory("pipelines", PIPELINES, last)
        # For a render, which sees neither upstream's objects nor what happens to them.
        self.register_outputs({"version": versions().kubeflow.version, "images": list(pulled(settings))})

    def _directory(self, part: str, folder: Path, opts: pulumi.ResourceOptions) -> kubernetes.kustomize.v2.Directory:
        # Relative to where the program runs, as the provider does: a render is the same on every machine.
        return kubernetes.kustomize.v2.Directory(f"{self._name}-{part}", directory=os.path.relpath(folder), opts=opts)

    def _config_maps(
        self, values: Mapping[str, configuration.Data], opts: pulumi.ResourceOptions
    ) -> list[pulumi.Resource]:
        return [
            core.v1.ConfigMap(
                f"{self._name}-{title}",
                metadata=meta.v1.ObjectMetaArgs(name=title, namespace=NAMESPACE),
                data=data,
                opts=opts,
            )
            for title, data in values.items()
        ]

    def _secrets(self, foundation: CloudFoundation, opts: pulumi.ResourceOptions) -> list[pulumi.Resource]:
        """What the database lets in by, and what the page signs its own links with, which nobody else knows."""
        metadata = meta.v1.ObjectMetaArgs(name=PAGE_SECRET, namespace=NAMESPACE)
        generator = apiextensions.CustomResource(
            f"{self._name}-signing-generator",
            api_version=_GENERATORS,
            kind="Password",
            metadata=metadata,
            spec={"length": 48, "digits": 12, "symbols": 0, "noUpper": False, "allowRepeat": True},
            opts=opts,
        )
        reference = {"apiVersion": _GENERATORS, "kind": "Password", "name": PAGE_SECRET}
        signing = apiextensions.CustomResource(
            f"{self._name}-signing",
            api_version="external-secrets.io/v1",
            kind="ExternalSecret",
            metadata=metadata,
            spec={
                "refreshPolicy": "CreatedOnce",
                "target": {"name": PAGE_SECRET, "template": {"data": {"signing-secret": "{{ .password }}"}}},
                "dataFrom": [{"sourceRef": {"generatorRef": reference}}],
            },
            opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[generator])),
        )
        database = external_secret(
            f"{self._name}-database",
            namespace=NAMESPACE,
            name=DATABASE_SECRET,
            fields=same_keys(foundation.secrets[_SOURCE], ["username", "password"]),
            opts=opts,
        )
        return [signing, database]


def adjustment(
    settings: CloudSettings, digest: pulumi.Input[str]
) -> Callable[[pulumi.ResourceTransformArgs], pulumi.ResourceTransformResult | None]:
    """What Pulumi does to each of upstream's objects before it makes it: ``adjusted``, for deployments."""

    def adjust(args: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult | None:
        if args.type_ != "kubernetes:apps/v1:Deployment":
            return None
        props = adjusted(cast(Mapping[str, Any], args.props), settings, digest)
        return pulumi.ResourceTransformResult(props=props, opts=args.opts)

    return adjust


def adjusted(deployment: Mapping[str, Any], settings: CloudSettings, digest: pulumi.Input[str]) -> dict[str, Any]:
    """The deployment with pinned images, whose pods start anew when ``digest`` changes: that of the ConfigMaps, which
    running pods do not read again.

    Raises:
        ValueError: An image is not in the versions file.
    """
    template = deployment["spec"]["template"]
    metadata = template["metadata"]
    annotations = {**metadata.get("annotations", {}), "keelson/configuration": digest}
    changed = {
        **template,
        "metadata": {**metadata, "annotations": annotations},
        "spec": with_pinned_images(template["spec"], settings),
    }
    return {**deployment, "spec": {**deployment["spec"], "template": changed}}
