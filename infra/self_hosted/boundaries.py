"""Namespaces of the stack, and who may talk to whom in them: the tables of the cloud stacks, with what stands in place
of AWS."""

from collections.abc import Mapping
from dataclasses import replace

from infra.apps import openings
from infra.apps.namespaces import NAMESPACES, Namespace
from infra.apps.openings import OPENINGS, Addresses, Opening, Pods, application
from infra.self_hosted.names import DATABASE, OBJECTS, OBJECTS_PORT, POSTGRES, STORAGE
from infra.settings.cluster import ClusterNetwork, ClusterSettings

_OPERATORS = ("cert-manager", "argo-rollouts")
_SERVER, _OBJECTS = application(DATABASE, POSTGRES), application(STORAGE, OBJECTS)
# The API server's own port; the cloud's is 443 alone, by which its Service is called.
_API_PORTS = (443, 6443)


def namespaces(settings: ClusterSettings) -> Mapping[str, Namespace]:
    """The stack's namespaces. Those of operators that are present already are not the stack's."""
    names = ("mlflow", "feast", "serving", "monitoring", *(_OPERATORS if settings.operators == "installed" else ()))
    return {
        **{name: NAMESPACES[name] for name in names},
        DATABASE: replace(NAMESPACES[DATABASE], purpose="Postgres, and the bootstrap of its databases"),
        STORAGE: Namespace(purpose="the S3 server"),
    }


def of_stack(settings: ClusterSettings) -> tuple[Opening, ...]:
    """The openings of the cloud stacks whose ends the stack has: databases and buckets are pods, and nobody needs
    credentials of AWS."""
    known = namespaces(settings)
    found = [_here(one, settings.network) for one in OPENINGS if one.when == "always"]
    return tuple(one for one in found if one is not None and _concerns(one, known))


def _here(opening: Opening, network: ClusterNetwork) -> Opening | None:
    target = opening.target
    if target is openings.RDS:
        return replace(opening, target=_SERVER)
    if target is openings.AWS:
        return replace(opening, target=_OBJECTS, ports=(OBJECTS_PORT,))
    if target is openings.POD_IDENTITY:
        return None
    ports = _API_PORTS if target is openings.KUBERNETES else opening.ports
    return replace(opening, source=_end(opening.source, network), target=_end(target, network), ports=ports)


def _end(end: Pods | Addresses, network: ClusterNetwork) -> Pods | Addresses:
    if isinstance(end, Pods):
        return end
    blocks = tuple(str(known) for block in end.blocks for known in _blocks(block, network))
    return replace(end, blocks=blocks)


def _blocks(block: str, network: ClusterNetwork) -> tuple[object, ...]:
    if block == openings.VPC:
        return network.nodes
    return (network.services,) if block == openings.SERVICES else (block,)


def _concerns(opening: Opening, known: Mapping[str, Namespace]) -> bool:
    """Whether an end is in a namespace of the stack, and the other one may be there: who brings Kubeflow Pipelines into
    the cluster finds the stack open for it. There is no store of logs, and no Karpenter."""
    if any(end in (openings.LOKI, openings.KARPENTER) for end in (opening.source, opening.target)):
        return False
    ours = (*known, openings.EVERY_POD.namespace)
    ends = [end.namespace for end in (opening.source, opening.target) if isinstance(end, Pods)]
    return any(name in ours for name in ends) and all(name in (*ours, *_OF_OTHERS) for name in ends)


_OF_OTHERS = (openings.SYSTEM, "kubeflow", *_OPERATORS)
