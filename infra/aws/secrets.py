"""Empty secrets in Secrets Manager: the database bootstrap fills them from inside the cluster.

So no password ever passes through Pulumi: not in its state, not in a log, not on a command line.
"""

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws


class Secrets(pulumi.ComponentResource):
    """The applications' secrets.

    Attributes:
        names: ``{"mlflow-database": "keelson/dev/mlflow-database", ...}``.
        arns: The same, as ARNs.
    """

    names: dict[str, pulumi.Output[str]]
    arns: dict[str, pulumi.Output[str]]

    def __init__(
        self,
        name: str,
        *,
        stack: str,
        secrets: Sequence[str],
        key: pulumi.Input[str],
        protect: bool,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("keelson:aws:Secrets", name, None, opts)
        self.names, self.arns = {}, {}
        for secret in secrets:
            made = aws.secretsmanager.Secret(
                f"secret-{secret}",
                name=f"keelson/{stack}/{secret}",
                kms_key_id=key,
                # At once where the stack is not protected: a name in its waiting time blocks the next `up`.
                recovery_window_in_days=30 if protect else 0,
                opts=pulumi.ResourceOptions(parent=self),
            )
            self.names[secret], self.arns[secret] = made.name, made.arn
        self.register_outputs({})
