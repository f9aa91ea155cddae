"""What may break a rule, and why: the one table of exceptions.

A wildcard in an IAM policy is explained beside the policy, by its statement's ID, in ``infra/aws/policy.py``.
"""

from dataclasses import dataclass
from fnmatch import fnmatchcase

from infra.policies.rule import Violation


@dataclass(frozen=True, kw_only=True)
class Exemption:
    """One exception.

    Attributes:
        rule: Name of the rule.
        urn: End of the resource's URN, ``type::name``, with shell wildcards.
        reason: Why it has to be so.
    """

    rule: str
    urn: str
    reason: str

    def covers(self, violation: Violation) -> bool:
        """Whether it excuses this violation."""
        return violation.rule.name == self.rule and fnmatchcase(violation.urn, f"*{self.urn}")


EXEMPTIONS: tuple[Exemption, ...] = (
    Exemption(
        rule="secret-values-outside-the-program",
        urn="urn:pulumi:cluster::*kubernetes:core/v1:Secret::*",
        reason="any Kubernetes has no Secrets Manager: Pulumi makes the values, and has them encrypted in its state",
    ),
    Exemption(
        rule="k8s-secrets-as-files-not-env-vars",
        urn="kubernetes:*::serving-server-rollout",
        reason="the collector reads the address of the locks' database, and keys of an S3 server, from variables alone",
    ),
    Exemption(
        rule="k8s-secrets-as-files-not-env-vars",
        urn="kubernetes:*::object-storage-*",
        reason="versitygw reads the keys of its first user from variables alone",
    ),
    Exemption(
        rule="bucket-encrypted-with-kms",
        urn="aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration::logs-encryption",
        reason="S3 delivers access logs only to a bucket that is encrypted with AWS's own key",
    ),
    Exemption(
        rule="database-transport-encrypted",
        urn="aws:rds/parameterGroup:ParameterGroup::mysql-parameters",
        reason="Kubeflow Pipelines' metadata service connects without TLS; the security group admits the cluster alone",
    ),
    Exemption(
        rule="namespace-pod-security-labelled",
        urn="kubernetes:core/v1:Namespace::*-nvidia",
        reason="the GPU device plugin and the metrics exporter mount the host's device and plugin folders",
    ),
    Exemption(
        rule="namespace-pod-security-labelled",
        urn="kubernetes:core/v1:Namespace::*-logging",
        reason="a collector reads the node's log folder, which is the host's",
    ),
    Exemption(
        rule="pod-runs-as-non-root",
        urn="kubernetes:apps/v1:DaemonSet::logs-collector",
        reason="the kubelet lets root alone read logs; the process has none of root's capabilities",
    ),
    Exemption(
        rule="pod-volumes-restricted",
        urn="kubernetes:apps/v1:DaemonSet::logs-collector",
        reason="it reads the node's log folder, and keeps on the node how far it has read",
    ),
    Exemption(
        rule="k8s-secrets-as-files-not-env-vars",
        urn="kubernetes:*::feast-*",
        reason="Feast's configuration takes the password of its database from a variable",
    ),
    Exemption(
        rule="k8s-secrets-as-files-not-env-vars",
        urn="kubernetes:*::mlflow-*",
        reason="MLflow reads the address of its database, which holds the password, from a variable",
    ),
    Exemption(
        rule="k8s-secrets-as-files-not-env-vars",
        urn="kubernetes:*::monitor-*",
        reason="the platform contract is read from variables, by every client of it",
    ),
    Exemption(
        rule="k8s-secrets-as-files-not-env-vars",
        urn="kubernetes:*::pipelines-template",
        reason="the platform contract is read from variables, by every client of it",
    ),
    Exemption(
        rule="k8s-pod-security-host-network-minimized",
        urn="kubernetes:apps/v1:DaemonSet::kube-prometheus-stack:*-node-exporter",
        reason="the node exporter measures the node's own network",
    ),
    Exemption(
        rule="k8s-pod-security-host-pid-minimized",
        urn="kubernetes:apps/v1:DaemonSet::kube-prometheus-stack:*-node-exporter",
        reason="the node exporter counts the node's own processes",
    ),
)
