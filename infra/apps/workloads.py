"""All workloads of the project on a cluster, in the order in which they need each other."""

from collections.abc import Mapping, Sequence

import pulumi
from pulumi_kubernetes import core, meta

from infra.apps import contract, mlflow, serving
from infra.apps.application import digest_of
from infra.apps.database_bootstrap import Bootstrapping, DatabaseBootstrap
from infra.apps.feast import Feast
from infra.apps.foundation import Field, Foundation, same_keys
from infra.apps.mlflow import Mlflow
from infra.apps.monitor import Monitor
from infra.apps.serving import Serving
from infra.settings.services import ServiceSettings
from infra.versions import versions

# Namespace and name of a Secret, and its keys.
Wanted = tuple[str, str, Mapping[str, Field]]


class Workloads(pulumi.ComponentResource):
    """MLflow, Feast, serving, the monitor with Evidently, and what they need in the databases behind them.

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
        settings: ServiceSettings,
        *,
        bootstrapping: Bootstrapping,
        needs: Sequence[pulumi.Resource] = (),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Make them.

        Args:
            bootstrapping: What is made in the databases.
            needs: The namespaces, databases that are pods, and the operators whose kinds are used.
        """
        provider = pulumi.ResourceOptions(providers=[foundation.provider])
        super().__init__("keelson:apps:Workloads", name, None, pulumi.ResourceOptions.merge(opts, provider))
        self._name, self._foundation, self._settings = name, foundation, settings
        self._bootstrapping, self._clients = bootstrapping, contract.clients(foundation)
        self._image = components_image(foundation)
        self.values = contract.values(foundation, settings)
        first = pulumi.ResourceOptions(parent=self, depends_on=list(needs))
        self.databases = self._databases(first)
        # No database lets anybody in before the bootstrap is done; in the cloud there is nothing to copy either.
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
        Monitor("monitor", image=self._image, digest=digest, settings=settings, opts=ready)
        self._pages(ready)
        self.register_outputs({})

    def _databases(self, opts: pulumi.ResourceOptions) -> DatabaseBootstrap:
        """What applications need in the databases."""
        return DatabaseBootstrap("database-bootstrap", image=self._image, work=self._bootstrapping, opts=opts)

    def _pages(self, opts: pulumi.ResourceOptions) -> None:
        """Pages that people reach from outside: none."""

    def _configuration(self, opts: pulumi.ResourceOptions) -> pulumi.Output[str]:
        """The contract's ConfigMaps; returns the digest of their data."""
        data = contract.configuration(self._foundation, self._settings)
        for namespace in self._clients:
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
        wanted: list[Wanted] = [
            *((namespace, contract.SECRETS, platform) for namespace in self._clients),
            *((namespace, contract.AUTHORITY, authority) for namespace in self._clients),
            (mlflow.NAMESPACE, tracking, same_keys(stored[tracking], ["uri"])),
            (mlflow.NAMESPACE, contract.AUTHORITY, contract.authority_fields(stored[tracking])),
        ]
        if self._settings.bundle is not None:
            lock = stored[serving.LOCK_SECRET]
            wanted += [
                (serving.NAMESPACE, serving.LOCK_SECRET, same_keys(lock, ["uri"])),
                (serving.NAMESPACE, contract.AUTHORITY, contract.authority_fields(lock)),
            ]
        storage = self._foundation.storage
        if storage is not None:
            keys = contract.storage_fields(storage.secret)
            users = [mlflow.NAMESPACE, *([serving.NAMESPACE] if self._settings.bundle is not None else [])]
            wanted += [(namespace, contract.STORAGE_SECRET, keys) for namespace in users]
        return [
            self._kubernetes_secret(namespace, name, fields, opts)
            for namespace, name, fields in [*wanted, *self._further_secrets()]
        ]

    def _further_secrets(self) -> list[Wanted]:
        """Secrets beyond those of every stack: none."""
        return []

    def _kubernetes_secret(
        self, namespace: str, name: str, fields: Mapping[str, Field], opts: pulumi.ResourceOptions
    ) -> pulumi.Resource:
        return self._foundation.keeper.kubernetes_secret(
            f"{self._name}-{namespace}-{name}", namespace=namespace, name=name, fields=fields, opts=opts
        )


def components_image(foundation: Foundation) -> pulumi.Output[str]:
    """The project's image in the stack's registry: the one environment of laptop, cluster and bundle."""
    tag = versions().images["components"].rpartition(":")[2]
    return pulumi.Output.concat(foundation.repositories["components"], ":", tag)
