"""The stack's budget: AWS warns before it is spent."""

import pulumi
import pulumi_aws as aws

from infra.aws.naming import cloud_name
from infra.settings import cloud


class Budget(pulumi.ComponentResource):
    """A monthly budget over everything with this stack's tag."""

    def __init__(
        self,
        name: str,
        *,
        settings: cloud.Budget,
        account_id: pulumi.Input[str],
        stack: str,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("keelson:aws:Budget", name, None, opts)
        warnings: list[aws.budgets.BudgetNotificationArgsDict] = [
            {
                "comparison_operator": "GREATER_THAN",
                "notification_type": kind,
                "threshold": percent,
                "threshold_type": "PERCENTAGE",
                "subscriber_email_addresses": [settings.email],
            }
            for kind, percent in (("ACTUAL", 50), ("ACTUAL", 80), ("ACTUAL", 100), ("FORECASTED", 100))
            if settings.email
        ]
        aws.budgets.Budget(
            f"{name}-monthly",
            name=cloud_name("monthly"),
            account_id=account_id,
            budget_type="COST",
            time_unit="MONTHLY",
            limit_amount=str(settings.monthly),
            limit_unit="USD",
            cost_filters=[{"name": "TagKeyValue", "values": [f"user:stack${stack}"]}],
            notifications=warnings,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({})
