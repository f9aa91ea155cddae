"""Networks, the ways into and out of them, and what hangs in them."""

from collections.abc import Iterator
from typing import Any

from infra.operations.account import tags_of
from infra.operations.sweep.belonging import belongs
from infra.operations.sweep.leftover import Leftover, Lister, Look


def balancers(look: Look) -> Iterator[Leftover]:
    found = look.every("elbv2", "describe_load_balancers", "LoadBalancers")
    for one in _own(look, "LoadBalancerArn", found):
        arn = one["LoadBalancerArn"]
        yield look.found(
            "load balancer",
            one["LoadBalancerName"],
            f"elbv2 delete-load-balancer --load-balancer-arn {arn}",
            detail=f"{one['Type']}, {one['State']['Code']}",
            monthly=look.unit("load_balancer"),
        )


def target_groups(look: Look) -> Iterator[Leftover]:
    for one in _own(look, "TargetGroupArn", look.every("elbv2", "describe_target_groups", "TargetGroups")):
        removal = f"elbv2 delete-target-group --target-group-arn {one['TargetGroupArn']}"
        yield look.found("target group", one["TargetGroupName"], removal)


def classic_balancers(look: Look) -> Iterator[Leftover]:
    for one in look.every("elb", "describe_load_balancers", "LoadBalancerDescriptions"):
        name = one["LoadBalancerName"]
        tags = look.ask("elb", "describe_tags", LoadBalancerNames=[name])["TagDescriptions"]
        if tags and belongs(tags_of(tags[0]), look.stack):
            removal = f"elb delete-load-balancer --load-balancer-name {name}"
            monthly = look.unit("load_balancer")
            yield look.found("load balancer", name, removal, detail="classic", monthly=monthly)


def _own(look: Look, key: str, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    arns = [one[key] for one in found]
    # Twenty at once are all that AWS answers.
    own = {
        described["ResourceArn"]
        for start in range(0, len(arns), 20)
        for described in look.ask("elbv2", "describe_tags", ResourceArns=arns[start : start + 20])["TagDescriptions"]
        if belongs(tags_of(described), look.stack)
    }
    return [one for one in found if one[key] in own]


def nat_gateways(look: Look) -> Iterator[Leftover]:
    for one in look.every("ec2", "describe_nat_gateways", "NatGateways"):
        if one["State"] not in ("deleted", "deleting") and belongs(tags_of(one), look.stack):
            id_ = one["NatGatewayId"]
            monthly = look.unit("nat_gateway")
            removal = f"ec2 delete-nat-gateway --nat-gateway-id {id_}"
            yield look.found("NAT gateway", id_, removal, detail=one["State"], monthly=monthly)


def addresses(look: Look) -> Iterator[Leftover]:
    for one in look.every("ec2", "describe_addresses", "Addresses"):
        if belongs(tags_of(one), look.stack):
            id_, monthly = one["AllocationId"], look.unit("public_ipv4")
            removal = f"ec2 release-address --allocation-id {id_}"
            yield look.found("elastic address", id_, removal, detail=one["PublicIp"], monthly=monthly)


def endpoints(look: Look) -> Iterator[Leftover]:
    for one in look.every("ec2", "describe_vpc_endpoints", "VpcEndpoints"):
        if one["State"] not in ("deleted", "deleting") and belongs(tags_of(one), look.stack):
            id_, zones = one["VpcEndpointId"], len(one.get("SubnetIds", []))
            # Gateway endpoints are free; an interface endpoint costs in each zone.
            monthly = look.unit("interface_endpoint", zones) if zones else 0
            removal = f"ec2 delete-vpc-endpoints --vpc-endpoint-ids {id_}"
            yield look.found("endpoint", id_, removal, detail=one["ServiceName"], monthly=monthly)


def interfaces(look: Look) -> Iterator[Leftover]:
    own = own_networks(look)
    for one in look.every("ec2", "describe_network_interfaces", "NetworkInterfaces"):
        # A machine's first interface ends with the machine.
        ends_itself = one.get("Attachment", {}).get("DeleteOnTermination", False)
        if not ends_itself and (belongs(tags_of({"Tags": one.get("TagSet")}), look.stack) or one.get("VpcId") in own):
            id_ = one["NetworkInterfaceId"]
            removal = f"ec2 delete-network-interface --network-interface-id {id_}"
            yield look.found("network interface", id_, removal, detail=one.get("Description") or one["Status"])


def security_groups(look: Look) -> Iterator[Leftover]:
    own = own_networks(look)
    for one in look.every("ec2", "describe_security_groups", "SecurityGroups"):
        # A VPC's default group goes with it, and cannot be removed before.
        if one["GroupName"] != "default" and (belongs(tags_of(one), look.stack) or one.get("VpcId") in own):
            removal = f"ec2 delete-security-group --group-id {one['GroupId']}"
            yield look.found("security group", one["GroupId"], removal, detail=one["GroupName"])


def networks(look: Look) -> Iterator[Leftover]:
    for id_ in sorted(own_networks(look)):
        yield look.found("VPC", id_, f"ec2 delete-vpc --vpc-id {id_}", detail="with its subnets and routes")


def own_networks(look: Look) -> set[str]:
    """IDs of the stack's VPCs: what hangs in them is the stack's, whether it has tags or not."""
    found = look.every("ec2", "describe_vpcs", "Vpcs")
    return {one["VpcId"] for one in found if belongs(tags_of(one), look.stack)}


# In the order in which they can be removed.
LISTERS = (
    Lister(kind="load balancers", covers=("elasticloadbalancing:loadbalancer",), look=balancers),
    Lister(kind="classic load balancers", covers=(), look=classic_balancers),
    Lister(kind="target groups", covers=("elasticloadbalancing:targetgroup",), look=target_groups),
    Lister(kind="NAT gateways", covers=("ec2:natgateway",), look=nat_gateways),
    Lister(kind="elastic addresses", covers=("ec2:elastic-ip",), look=addresses),
    Lister(kind="endpoints", covers=("ec2:vpc-endpoint",), look=endpoints),
    Lister(kind="network interfaces", covers=("ec2:network-interface",), look=interfaces),
    Lister(kind="security groups", covers=("ec2:security-group", "ec2:security-group-rule"), look=security_groups),
    Lister(kind="VPCs", covers=("ec2:vpc",), look=networks),
)
