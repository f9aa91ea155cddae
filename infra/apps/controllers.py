"""Values of the small controllers, each one chart: certificates, secrets, roll-outs, Ray, load balancers."""

from typing import Any

from infra.apps.charts import (
    CONTAINER_SECURITY,
    POD_SECURITY,
    registry_repository_and_tag,
    repository_and_tag,
    resources,
)
from infra.apps.foundation import CloudFoundation
from infra.apps.priority import CRITICAL, SERVICE
from infra.settings.services import ServiceSettings


def _budget(settings: ServiceSettings) -> dict[str, Any]:
    """A disruption budget, only where a second copy can take over."""
    return {"enabled": settings.replicas > 1, "minAvailable": 1}


def cert_manager(settings: ServiceSettings) -> dict[str, Any]:
    """Certificates of webhooks."""
    name = "cert-manager"
    security = {"securityContext": dict(POD_SECURITY), "containerSecurityContext": dict(CONTAINER_SECURITY)}
    copies = min(settings.replicas, 2)
    return {
        "global": {"priorityClassName": CRITICAL, "leaderElection": {"namespace": name}},
        "crds": {"enabled": True, "keep": False},
        # A hook that waits for the API; Pulumi waits for the Deployments themselves.
        "startupapicheck": {"enabled": False},
        "replicaCount": copies,
        "podDisruptionBudget": _budget(settings),
        "image": repository_and_tag(name, "controller", settings),
        "resources": resources(cpu=10, memory=64, limit=256),
        **security,
        "webhook": {
            "replicaCount": copies,
            "podDisruptionBudget": _budget(settings),
            "image": repository_and_tag(name, "webhook", settings),
            "resources": resources(cpu=10, memory=32, limit=128),
            **security,
        },
        "cainjector": {
            "replicaCount": 1,
            "image": repository_and_tag(name, "cainjector", settings),
            "resources": resources(cpu=10, memory=64, limit=256),
            **security,
        },
        "acmesolver": {"image": repository_and_tag(name, "acmesolver", settings)},
    }


def external_secrets(settings: ServiceSettings) -> dict[str, Any]:
    """External Secrets: copies what stands in Secrets Manager, by its own Pod Identity."""
    name = "external-secrets"
    copies = min(settings.replicas, 2)
    pod = {
        "image": repository_and_tag(name, "controller", settings),
        "priorityClassName": CRITICAL,
        "podSecurityContext": {"enabled": True, **POD_SECURITY},
        "securityContext": {"enabled": True, **CONTAINER_SECURITY, "runAsUser": 65532},
    }
    return {
        "installCRDs": True,
        "replicaCount": copies,
        "leaderElect": copies > 1,
        "podDisruptionBudget": _budget(settings),
        "serviceAccount": {"create": True, "name": name},
        # Only one store and plain copies are used; what is not used cannot be misused.
        "processClusterExternalSecret": False,
        "processClusterPushSecret": False,
        "processPushSecret": False,
        "resources": resources(cpu=10, memory=96, limit=256),
        **pod,
        "webhook": {"replicaCount": copies, "resources": resources(cpu=10, memory=48, limit=128), **pod},
        "certController": {"replicaCount": 1, "resources": resources(cpu=10, memory=64, limit=192), **pod},
    }


def argo_rollouts(settings: ServiceSettings) -> dict[str, Any]:
    """Argo Rollouts, with rights for load balancers only: the other traffic routers are not here."""
    others = ("istio", "smi", "ambassador", "awsAppMesh", "traefik", "apisix", "contour", "glooPlatform", "gatewayAPI")
    return {
        "installCRDs": True,
        "keepCRDs": False,
        "controller": {
            "replicas": min(settings.replicas, 2),
            "image": registry_repository_and_tag("argo-rollouts", "controller", settings),
            "priorityClassName": SERVICE,
            "resources": resources(cpu=10, memory=64, limit=256),
            "metrics": {"enabled": True},
            "pdb": _budget(settings),
        },
        "podSecurityContext": dict(POD_SECURITY),
        "containerSecurityContext": dict(CONTAINER_SECURITY),
        "providerRBAC": {"providers": dict.fromkeys(others, False)},
    }


def kuberay(settings: ServiceSettings) -> dict[str, Any]:
    """KubeRay, for training and batch scoring that outgrow one machine."""
    return {
        "image": repository_and_tag("kuberay-operator", "operator", settings),
        "priorityClassName": SERVICE,
        "resources": resources(cpu=10, memory=96, limit=512),
        "podSecurityContext": dict(POD_SECURITY),
        "securityContext": dict(CONTAINER_SECURITY),
    }


def load_balancer(foundation: CloudFoundation, settings: ServiceSettings) -> dict[str, Any]:
    """The controller that makes load balancers of Ingress objects."""
    return {
        "clusterName": foundation.cluster_name,
        "region": foundation.region,
        # Given, because the metadata service is one hop too far for a container.
        "vpcId": foundation.vpc_id,
        "replicaCount": min(settings.replicas, 2),
        "serviceAccount": {"create": True, "name": "aws-load-balancer-controller"},
        "image": repository_and_tag("aws-load-balancer-controller", "controller", settings),
        "resources": resources(cpu=20, memory=96, limit=256),
        "podSecurityContext": dict(POD_SECURITY),
        "securityContext": dict(CONTAINER_SECURITY),
        "defaultTargetType": "ip",
        # Its webhook would refuse every Service of every chart until it is ready.
        "enableServiceMutatorWebhook": False,
        # Neither is used; each needs rights over the account.
        "enableShield": False,
        "enableWaf": False,
        "enableWafv2": False,
        "defaultTags": {"project": "keelson", "stack": settings.stack, "managed-by": "kubernetes"},
        "podDisruptionBudget": {"maxUnavailable": 1} if settings.replicas > 1 else {},
    }
