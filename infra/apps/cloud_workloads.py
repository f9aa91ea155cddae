"""The workloads of a cloud stack, with the MySQL and the pages that only such a stack has."""

from collections.abc import Sequence

import pulumi

from infra.apps import ingress
from infra.apps.database_bootstrap import DatabaseBootstrap, of_cloud
from infra.apps.foundation import CloudFoundation, same_keys
from infra.apps.images import prefixed
from infra.apps.ingress import Pages
from infra.apps.mysql import Mysql
from infra.apps.workloads import Wanted, Workloads
from infra.settings.cloud import CloudSettings
from infra.versions import versions


class CloudWorkloads(Workloads):
    """The workloads of every stack, MySQL where it is not on RDS, and public pages where the stack has a name."""

    _foundation: CloudFoundation
    _settings: CloudSettings

    def __init__(
        self,
        name: str,
        foundation: CloudFoundation,
        settings: CloudSettings,
        *,
        needs: Sequence[pulumi.Resource] = (),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """``needs``: the namespaces, the storage class, and the operators whose kinds are used."""
        super().__init__(name, foundation, settings, bootstrapping=of_cloud(foundation), needs=needs, opts=opts)

    def _databases(self, opts: pulumi.ResourceOptions) -> DatabaseBootstrap:
        volume = self._foundation.mysql_volume
        if volume is not None:
            image = prefixed(versions().images["mysql"], self._settings)
            server = Mysql("mysql", image=image, volume=volume, opts=opts)
            opts = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[server]))
        return super()._databases(opts)

    def _further_secrets(self) -> list[Wanted]:
        if self._settings.sign_in is None:
            return []
        fields = same_keys(self._foundation.secrets[ingress.SECRET], ["client-secret", "cookie-secret"])
        return [(ingress.NAMESPACE, ingress.SECRET, fields)]

    def _pages(self, opts: pulumi.ResourceOptions) -> None:
        if self._settings.sign_in is not None:
            Pages(
                "pages",
                image=prefixed(versions().images["oauth2-proxy"], self._settings),
                sign_in=self._settings.sign_in,
                vpc_cidr=self._foundation.vpc_cidr,
                settings=self._settings,
                opts=opts,
            )
