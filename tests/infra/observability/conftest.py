"""What tells the metrics of a cluster from those of every stack."""

import re
from collections.abc import Callable

import pytest

# By the beginning of their names.
_OF_CLUSTER = re.compile(
    r"\b(?:DCGM_|kube_|kubelet_|node_|container_|karpenter_|argo_workflows_|resource_manager_|rollout_|"
    r"externalsecret_|certmanager_|otelcol_)"
)


@pytest.fixture(scope="session")
def is_of_cluster() -> Callable[[str], bool]:
    """Whether a query asks for metrics that only a cluster has."""
    return lambda query: _OF_CLUSTER.search(query) is not None
