"""Namespaces of the stack, and who may talk to whom in them: the tables of the cloud stacks, with what stands in place
of AWS."""

from collections.abc import Collection, Mapping
from dataclasses import replace

from infra.apps import openings
from infra.apps.namespaces import NAMESPACES, Namespace
from infra.apps.openings import OPENINGS, Addresses, Opening, Pods, application, everything
from infra.self_hosted.names import DATABASE, OBJECTS, OBJECTS_PORT, PIPELINES, POSTGRES, STORAGE, TRAINING
from infra.settings.cluster import ClusterNetwork, ClusterSettings

_OPERATORS = ("cert-manager", "argo-rollouts")
_KUBEFLOW = "kubeflow"
_PIPELINES = Namespace(
    purpose="runs of pipelines: what orchestrates them, and their steps",
    cpu=1,
    memory=4,
    limit=1024,
    runs_pipelines=True,
)
_SERVER, _OBJECTS = application(DATABASE, POSTGRES), application(STORAGE, OBJECTS)
# The API server's own port; the cloud's is 443 alone, by which its Service is called.
_API_PORTS = (443, 6443)
_STEPS = everything(PIPELINES)
_RUNS = (
    Opening(source=_STEPS, target=openings.AWS, ports=(443,), why="tables, artifacts and models"),
    Opening(source=_STEPS, target=openings.RDS, ports=(5432,), why="feature store, studies, locks and results"),
    Opening(source=_STEPS, target=openings.MLFLOW, ports=(5000,), why="runs and models"),
    Opening(source=_STEPS, target=openings.FEAST, ports=(6566,), why="checks online features"),
    # Steps themselves have nothing to ask it.
    Opening(source=application(PIPELINES, TRAINING), target=openings.KUBERNETES, ports=(443,), why="Jobs of steps"),
)


def namespaces(settings: ClusterSettings) -> Mapping[str, Namespace]:
    """The stack's namespaces. Those of operators that are present already are not the stack's."""
    names = ("mlflow", "feast", "serving", "monitoring", *(_OPERATORS if settings.operators == "installed" else ()))
    return {
        **{name: NAMESPACES[name] for name in names},
        DATABASE: replace(NAMESPACES[DATABASE], purpose="Postgres, and the bootstrap of its databases"),
        STORAGE: Namespace(purpose="the S3 server"),
        **({PIPELINES: _PIPELINES} if settings.steps_are_jobs else {}),
    }


def of_stack(settings: ClusterSettings) -> tuple[Opening, ...]:
    """The openings of the cloud stacks whose ends the stack has: databases and buckets are pods, and nobody needs
    credentials of AWS."""
    known = {*namespaces(settings), openings.EVERY_POD.namespace}
    others = {openings.SYSTEM, *_OPERATORS} | (set() if settings.steps_are_jobs else {_KUBEFLOW})
    table = (*OPENINGS, *(_RUNS if settings.steps_are_jobs else ()))
    found = [_here(one, settings.network) for one in table if one.when == "always"]
    return tuple(one for one in found if one is not None and _concerns(one, known, others))


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


def _concerns(opening: Opening, ours: Collection[str], others: Collection[str]) -> bool:
    """Whether an end is in a namespace of the stack, and the other one may be there: who brings Kubeflow Pipelines into
    the cluster has the stack open for it. There is no store of logs, and no Karpenter."""
    if any(end in (openings.LOKI, openings.KARPENTER) for end in (opening.source, opening.target)):
        return False
    ends = [end.namespace for end in (opening.source, opening.target) if isinstance(end, Pods)]
    return any(name in ours for name in ends) and all(name in ours or name in others for name in ends)
