"""What pods of runs may be: whoever starts a run names its service account and Secrets, and Argo makes what is named.

Without this rule, anybody who may start a run could have code run as Argo itself, or read the password of the
database. The API server of Kubernetes holds it against every pod that Argo makes.
"""

from collections.abc import Sequence

import pulumi
from pulumi_kubernetes import admissionregistration, meta

from infra.apps import contract
from infra.apps.kubeflow.configuration import STEP_ACCOUNT

NAME = "keelson-pipeline-steps"
# What steps may read: the platform contract, and whom Postgres is trusted by.
SECRETS = (contract.SECRETS, contract.AUTHORITY)

_ARGO = "system:serviceaccount:kubeflow:argo"

# Common Expression Language, as ValidatingAdmissionPolicy has it.
_CONTAINERS = "object.spec.containers + (has(object.spec.initContainers) ? object.spec.initContainers : [])"
ACCOUNT_RULE = f'object.spec.serviceAccountName == "{STEP_ACCOUNT}"'
VARIABLE_RULE = """\
variables.containers.all(one,
  (!has(one.env) || one.env.all(each, !has(each.valueFrom) || !has(each.valueFrom.secretKeyRef)
    || each.valueFrom.secretKeyRef.name in variables.secrets))
  && (!has(one.envFrom) || one.envFrom.all(each, !has(each.secretRef) || each.secretRef.name in variables.secrets)))"""
VOLUME_RULE = """\
!has(object.spec.volumes) || object.spec.volumes.all(one, !has(one.csi)
  && (!has(one.secret) || one.secret.secretName in variables.secrets)
  && (!has(one.projected) || !has(one.projected.sources) || one.projected.sources.all(each,
    !has(each.secret) || each.secret.name in variables.secrets)))"""


def variables(secrets: Sequence[str] = SECRETS) -> dict[str, str]:
    """Names that the rules use, and their expressions."""
    return {"containers": _CONTAINERS, "secrets": "[" + ", ".join(f'"{name}"' for name in secrets) + "]"}


def rules() -> dict[str, str]:
    """Each rule, and what somebody is told whose run breaks it."""
    allowed = ", ".join(SECRETS)
    return {
        ACCOUNT_RULE: f"steps run as the service account {STEP_ACCOUNT}; leave `service_account` out of the run",
        VARIABLE_RULE: f"variables of steps may come from these Secrets only: {allowed}",
        VOLUME_RULE: f"volumes of steps may hold these Secrets only: {allowed}",
    }


class StepAdmission(pulumi.ComponentResource):
    """The rule, and its binding to the namespace of runs. A pod that breaks it is refused; so are all while the rule
    itself cannot be evaluated."""

    def __init__(self, name: str, namespace: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("keelson:apps:StepAdmission", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        policy = admissionregistration.v1.ValidatingAdmissionPolicy(
            f"{name}-policy", metadata=meta.v1.ObjectMetaArgs(name=NAME), spec=specification(), opts=child
        )
        selector = meta.v1.LabelSelectorArgs(match_labels={"kubernetes.io/metadata.name": namespace})
        admissionregistration.v1.ValidatingAdmissionPolicyBinding(
            f"{name}-binding",
            metadata=meta.v1.ObjectMetaArgs(name=NAME),
            spec=admissionregistration.v1.ValidatingAdmissionPolicyBindingSpecArgs(
                policy_name=policy.metadata.name,
                validation_actions=["Deny", "Audit"],
                match_resources=admissionregistration.v1.MatchResourcesArgs(namespace_selector=selector),
            ),
            opts=child,
        )
        self.register_outputs({})


def specification() -> admissionregistration.v1.ValidatingAdmissionPolicySpecArgs:
    """The rule in Kubernetes' words."""
    v1 = admissionregistration.v1
    return v1.ValidatingAdmissionPolicySpecArgs(
        failure_policy="Fail",
        match_constraints=v1.MatchResourcesArgs(
            resource_rules=[
                v1.NamedRuleWithOperationsArgs(
                    api_groups=[""], api_versions=["v1"], operations=["CREATE"], resources=["pods"]
                )
            ]
        ),
        match_conditions=[
            v1.MatchConditionArgs(name="made-by-argo", expression=f'request.userInfo.username == "{_ARGO}"')
        ],
        variables=[v1.VariableArgs(name=name, expression=text) for name, text in variables().items()],
        validations=[v1.ValidationArgs(expression=rule, message=told) for rule, told in rules().items()],
    )
