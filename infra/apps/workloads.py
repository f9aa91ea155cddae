"""All workloads of the project on a cluster, in the order in which they need each other."""

from collections.abc import Mapping, Sequence

import pulumi
from pulumi_kubernetes import core, meta

from infra.apps import contract, ingress, mlflow, serving
from infra.apps.application import digest_of
from infra.apps.database_bootstrap import DatabaseBootstrap
from infra.apps.feast import Feast
from infra.apps.foundation import Foundation
from infra.apps.images import prefixed
from infra.apps.ingress import Pages
from infra.apps.mlflow import Mlflow
from infra.apps.monitor import Monitor
from infra.apps.mysql import Mysql
from infra.apps.secrets import Field, external_secret, same_keys
from infra.apps.serving import Serving
from infra.settings.cloud import CloudSettings
from infra.versions import versions


class Workloads(pulumi.ComponentResource):
    """MLflow, Feast, serving, the monitor with Evidently, the databases behind them, and the pages in front of them.

    Attributes:
        values: The platform contract's settings, by output name.
        databases: The bootstrap of databases; what signs in to one comes after it.
    """

    values: Mapping[str, pulumi.Input[str]]
    databases: DatabaseBootstrap

    def __init__(
        self,
        name: str,
        foundation: Foundation,
        settings: CloudSettings,
        *,
        needs: Sequence[pulumi.Resource] = (),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """``needs``: the namespaces, the storage class, and the operators whose kinds are used."""
        provider = pulumi.ResourceOptions(providers=[foundation.provider])
        super().__init__("keelson:apps:Workloads", name, None, pulumi.ResourceOptions.merge(opts, provider))
        self._name, self._foundation, self._settings = name, foundation, settings
        self._image = components_image(foundation)
        self.values = contract.values(foundation, settings)
        first = pulumi.ResourceOptions(parent=self, depends_on=list(needs))
        self.databases = self._databases(first)
        # External Secrets finds nothing to copy, and no database lets anybody in, before the bootstrap is done.
        after = pulumi.ResourceOptions(parent=self, depends_on=[*needs, self.databases])
        secrets = self._secrets(after)
        digest = self._configuration(first)
        ready = pulumi.ResourceOptions(parent=self, depends_on=[*needs, *secrets])
        Mlflow("mlflow", image=self._image, foundation=foundation, settings=settings, opts=ready)
        features = Feast("feast", image=self._image, digest=digest, settings=settings, opts=ready)
        # A bundle is ready only when the feature server is.
        served = pulumi.ResourceOptions(parent=self, depends_on=[features, *secrets])
        Serving(
            "serving",
            repository=foundation.repositories["serving"],
            image=self._image,
            foundation=foundation,
            settings=settings,
            opts=served,
        )
        Monitor("monitor", image=self._image, digest=digest, opts=ready)
        if settings.sign_in is not None:
            image = prefixed(versions().images["oauth2-proxy"], settings)
            Pages(
                "pages",
                image=image,
                sign_in=settings.sign_in,
                vpc_cidr=foundation.vpc_cidr,
                settings=settings,
                opts=ready,
            )
        self.register_outputs({})

    def _databases(self, opts: pulumi.ResourceOptions) -> DatabaseBootstrap:
        """The databases, with MySQL before them where it runs on the cluster."""
        volume = self._foundation.mysql_volume
        if volume is not None:
            image = prefixed(versions().images["mysql"], self._settings)
            server = Mysql("mysql", image=image, volume=volume, opts=opts)
            opts = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[server]))
        return DatabaseBootstrap("database-bootstrap", image=self._image, foundation=self._foundation, opts=opts)

    def _configuration(self, opts: pulumi.ResourceOptions) -> pulumi.Output[str]:
        """The contract's ConfigMaps; returns the digest of their data."""
        data = contract.configuration(self._foundation, self._settings)
        for namespace in contract.CLIENTS:
            core.v1.ConfigMap(
                f"{self._name}-{namespace}-{contract.CONFIGURATION}",
                metadata=meta.v1.ObjectMetaArgs(name=contract.CONFIGURATION, namespace=namespace),
                data=data,
                opts=opts,
            )
        return digest_of(data)

    def _secrets(self, opts: pulumi.ResourceOptions) -> list[pulumi.Resource]:
        """Copies of what the applications sign in with, in their namespaces."""
        stored, tracking = self._foundation.secrets, mlflow.DATABASE_SECRET
        platform = contract.secret_fields(self._foundation)
        authority = contract.authority_fields(stored[contract.FEAST_SECRET])
        wanted: list[tuple[str, str, Mapping[str, Field]]] = [
            *((namespace, contract.SECRETS, platform) for namespace in contract.CLIENTS),
            *((namespace, contract.AUTHORITY, authority) for namespace in contract.CLIENTS),
            (mlflow.NAMESPACE, tracking, same_keys(stored[tracking], ["uri"])),
            (mlflow.NAMESPACE, contract.AUTHORITY, contract.authority_fields(stored[tracking])),
        ]
        if self._settings.bundle is not None:
            lock = stored[serving.LOCK_SECRET]
            wanted += [
                (serving.NAMESPACE, serving.LOCK_SECRET, same_keys(lock, ["uri"])),
                (serving.NAMESPACE, contract.AUTHORITY, contract.authority_fields(lock)),
            ]
        if self._settings.sign_in is not None:
            fields = same_keys(stored[ingress.SECRET], ["client-secret", "cookie-secret"])
            wanted.append((ingress.NAMESPACE, ingress.SECRET, fields))
        return [
            external_secret(
                f"{self._name}-{namespace}-{name}",
                namespace=namespace,
                name=name,
                fields=fields,
                opts=opts,
            )
            for namespace, name, fields in wanted
        ]


def components_image(foundation: Foundation) -> pulumi.Output[str]:
    """The project's image in the stack's registry: the one environment of laptop, cluster and bundle."""
    tag = versions().images["components"].rpartition(":")[2]
    return pulumi.Output.concat(foundation.repositories["components"], ":", tag)
