"""Image repositories: one for the components' image, one for serving bundles."""

import json

import pulumi
import pulumi_aws as aws

REPOSITORIES = ("components", "serving")
# Images that stay; the components' is about 2 GB, of which most is one layer that they share.
_KEPT = 30


class Registry(pulumi.ComponentResource):
    """Private repositories with scanning, whose tags never move.

    Attributes:
        urls: ``{"components": ..., "serving": ...}``.
        arns: The same, as ARNs.
    """

    urls: dict[str, pulumi.Output[str]]
    arns: dict[str, pulumi.Output[str]]

    def __init__(
        self,
        name: str,
        *,
        stack: str,
        key: pulumi.Input[str],
        protect: bool,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("keelson:aws:Registry", name, None, opts)
        child = pulumi.ResourceOptions(parent=self, protect=protect)
        self.urls, self.arns = {}, {}
        for repository in REPOSITORIES:
            made = aws.ecr.Repository(
                f"{name}-{repository}",
                name=f"keelson-{stack}/{repository}",
                image_tag_mutability="IMMUTABLE",
                image_scanning_configuration={"scan_on_push": True},
                encryption_configurations=[{"encryption_type": "KMS", "kms_key": key}],
                force_delete=not protect,
                opts=child,
            )
            aws.ecr.LifecyclePolicy(
                f"{name}-{repository}-lifecycle",
                repository=made.id,
                policy=json.dumps({"rules": _rules()}),
                opts=pulumi.ResourceOptions(parent=self),
            )
            self.urls[repository], self.arns[repository] = made.repository_url, made.arn
        self.register_outputs({})


def _rules() -> list[dict[str, object]]:
    return [
        {
            "rulePriority": 1,
            "description": "what no tag names goes after a week",
            "selection": {
                "tagStatus": "untagged",
                "countType": "sinceImagePushed",
                "countUnit": "days",
                "countNumber": 7,
            },
            "action": {"type": "expire"},
        },
        {
            "rulePriority": 2,
            "description": f"the newest {_KEPT} stay",
            "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": _KEPT},
            "action": {"type": "expire"},
        },
    ]
