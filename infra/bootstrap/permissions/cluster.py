"""The EKS cluster ``keelson-<stack>``, what hangs below it, and the registry of its images."""

from infra.aws.naming import PROJECT
from infra.bootstrap.permissions.scope import Permission, Scope
from infra.delivery.promotion import environment_before

_CHANGES = (
    "AssociateAccessPolicy AssociateEncryptionConfig CreateAccessEntry CreateAddon CreateCluster CreateNodegroup "
    "CreatePodIdentityAssociation DeleteAccessEntry DeleteAddon DeleteCluster DeleteNodegroup "
    "DeletePodIdentityAssociation DisassociateAccessPolicy TagResource UntagResource UpdateAccessEntry UpdateAddon "
    "UpdateClusterConfig UpdateClusterVersion UpdateNodegroupConfig UpdateNodegroupVersion "
    "UpdatePodIdentityAssociation"
).split()
_READS = (
    "DescribeAccessEntry DescribeAddon DescribeCluster DescribeNodegroup DescribePodIdentityAssociation "
    "DescribeUpdate ListAccessEntries ListAddons ListAssociatedAccessPolicies ListNodegroups "
    "ListPodIdentityAssociations ListTagsForResource ListUpdates"
).split()
_REGISTRY_READS = (
    "BatchGetImage DescribeImages DescribeRepositories GetLifecyclePolicy GetRepositoryPolicy ListImages "
    "ListTagsForResource"
).split()
_REGISTRY_CHANGES = (
    "BatchCheckLayerAvailability CompleteLayerUpload CreateRepository DeleteLifecyclePolicy GetDownloadUrlForLayer "
    "InitiateLayerUpload PutImage PutImageScanningConfiguration PutImageTagMutability PutLifecyclePolicy TagResource "
    "UntagResource UploadLayerPart"
).split()


def starts_runs(scope: Scope) -> list[Permission]:
    """What finding the cluster's API and the digest of the steps' image takes."""
    places = [f"{region}:{scope.account_id}" for region in scope.regions]
    return [
        Permission(
            sid="FindsCluster",
            actions=["eks:DescribeCluster"],
            resources=[f"arn:aws:eks:{place}:cluster/{scope.prefix}" for place in places],
        ),
        Permission(
            sid="FindsImage",
            actions=["ecr:DescribeImages"],
            resources=[f"arn:aws:ecr:{place}:repository/{scope.prefix}/components" for place in places],
        ),
    ]


def reads(scope: Scope) -> list[Permission]:
    return [
        Permission(
            sid="ReadsClusters",
            actions=["eks:DescribeAddonVersions", "eks:DescribeClusterVersions", "eks:ListClusters"],
            resources=["*"],
        ),
        Permission(sid="ReadsCluster", actions=[f"eks:{one}" for one in _READS], resources=_cluster(scope)),
        Permission(
            sid="ReadsRepositories", actions=[f"ecr:{one}" for one in _REGISTRY_READS], resources=[_registry(scope)]
        ),
        Permission(sid="ReadsRegistry", actions=["ecr:GetAuthorizationToken"], resources=["*"]),
    ]


def writes(scope: Scope) -> list[Permission]:
    deletes = [] if scope.protected else ["ecr:DeleteRepository", "ecr:BatchDeleteImage"]
    return [
        Permission(sid="ChangesCluster", actions=[f"eks:{one}" for one in _CHANGES], resources=_cluster(scope)),
        Permission(
            sid="ChangesRepositories",
            actions=[*(f"ecr:{one}" for one in _REGISTRY_CHANGES), *deletes],
            resources=[_registry(scope)],
        ),
        *_bundles_before(scope),
    ]


def _bundles_before(scope: Scope) -> list[Permission]:
    """A bundle is promoted as it is: its image is taken over from the environment before."""
    before = environment_before(scope.stack)
    if before is None:
        return []
    repository = scope.arn("ecr", f"repository/{PROJECT}-{before}/serving")
    actions = [f"ecr:{one}" for one in (*_REGISTRY_READS, "BatchCheckLayerAvailability", "GetDownloadUrlForLayer")]
    return [Permission(sid="TakesBundlesOver", actions=actions, resources=[repository])]


def _cluster(scope: Scope) -> list[str]:
    kinds = ("access-entry", "addon", "nodegroup", "podidentityassociation")
    return [
        scope.arn("eks", f"cluster/{scope.prefix}"),
        *(scope.arn("eks", f"{kind}/{scope.prefix}/*") for kind in kinds),
    ]


def _registry(scope: Scope) -> str:
    return scope.arn("ecr", f"repository/{scope.prefix}/*")
