"""VPC over three zones: public, private and database subnets, the way out, endpoints and flow logs."""

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from infra.aws import addresses
from infra.aws.firewall import Opening, security_group
from infra.aws.nat_instance import NatInstance
from infra.aws.storage import Bucket
from infra.settings import cloud

# AWS services that the cluster talks to all day; with endpoints this traffic neither leaves the VPC nor pays for NAT.
_INTERFACE_SERVICES = ("ecr.api", "ecr.dkr", "sts", "eks", "eks-auth", "ec2", "logs", "secretsmanager", "sqs", "kms")


class Network(pulumi.ComponentResource):
    """VPC and subnets of a stack.

    Attributes:
        vpc_id: The VPC.
        private_subnets: Nodes and pods, one a zone.
        database_subnets: Databases, one a zone, without any way out.
    """

    vpc_id: pulumi.Output[str]
    private_subnets: list[pulumi.Output[str]]
    database_subnets: list[pulumi.Output[str]]

    def __init__(
        self,
        name: str,
        *,
        settings: cloud.Network,
        region: str,
        cluster: str,
        logs: Bucket,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("keelson:aws:Network", name, None, opts)
        self._name, self._settings, self._region = name, settings, region
        self._child = pulumi.ResourceOptions(parent=self)
        vpc = aws.ec2.Vpc(
            f"{name}-vpc",
            cidr_block=str(settings.cidr),
            enable_dns_hostnames=True,
            enable_dns_support=True,
            tags={"Name": cluster},
            opts=self._child,
        )
        self.vpc_id = vpc.id
        # AWS makes it and lets it admit all of itself: taken over to close it.
        aws.ec2.DefaultSecurityGroup(f"{name}-default-security-group", vpc_id=vpc.id, opts=self._child)

        plan = addresses.divided(settings.cidr, settings.zones)
        discovery = {f"kubernetes.io/cluster/{cluster}": "shared"}
        public = self._subnets("public", plan, {**discovery, "kubernetes.io/role/elb": "1"})
        private = self._subnets(
            "private",
            plan,
            {**discovery, "kubernetes.io/role/internal-elb": "1", "karpenter.sh/discovery": cluster},
        )
        database = self._subnets("database", plan, {})
        self.private_subnets = [one.id for one in private]
        self.database_subnets = [one.id for one in database]

        tables = [
            self._table(f"private-{zone}", [subnet]) for zone, subnet in zip(settings.zones, private, strict=True)
        ]
        closed = self._table("database", database)
        self._way_out(public, tables)
        self._s3_endpoint(cluster, [*tables, closed])
        if settings.interface_endpoints:
            self._interface_endpoints(cluster)
        self._flow_log(logs)
        self.register_outputs({"vpc_id": self.vpc_id})

    def _subnets(self, tier: str, plan: Sequence[addresses.Subnets], tags: dict[str, str]) -> list[aws.ec2.Subnet]:
        return [
            aws.ec2.Subnet(
                f"{self._name}-{tier}-{zone.zone}",
                vpc_id=self.vpc_id,
                cidr_block=str(getattr(zone, tier)),
                availability_zone=f"{self._region}{zone.zone}",
                # Load balancers and NAT bring their own addresses; a machine put here by mistake stays unreachable.
                map_public_ip_on_launch=False,
                tags={"Name": f"{tier}-{zone.zone}", **tags},
                opts=self._child,
            )
            for zone in plan
        ]

    def _table(self, part: str, subnets: Sequence[aws.ec2.Subnet]) -> aws.ec2.RouteTable:
        table = aws.ec2.RouteTable(
            f"{self._name}-{part}-routes", vpc_id=self.vpc_id, tags={"Name": part}, opts=self._child
        )
        for subnet in subnets:
            aws.ec2.RouteTableAssociation(
                f"{subnet._name}-association", route_table_id=table.id, subnet_id=subnet.id, opts=self._child
            )
        return table

    def _way_out(self, public: Sequence[aws.ec2.Subnet], tables: Sequence[aws.ec2.RouteTable]) -> None:
        gateway = aws.ec2.InternetGateway(f"{self._name}-internet", vpc_id=self.vpc_id, opts=self._child)
        out = self._table("public", public)
        internet = aws.ec2.Route(
            f"{self._name}-public-out",
            route_table_id=out.id,
            destination_cidr_block="0.0.0.0/0",
            gateway_id=gateway.id,
            opts=self._child,
        )
        # Without the route above neither a NAT gateway nor a NAT instance gets anywhere.
        after = pulumi.ResourceOptions(parent=self, depends_on=[internet])
        if self._settings.nat == "instance":
            instance = NatInstance(
                f"{self._name}-nat",
                vpc_id=self.vpc_id,
                vpc_cidr=str(self._settings.cidr),
                subnet_id=public[0].id,
                opts=after,
            )
            for zone, table in zip(self._settings.zones, tables, strict=True):
                self._default_route(zone, table, network_interface_id=instance.network_interface_id)
            return
        count = len(public) if self._settings.nat == "gateway-per-zone" else 1
        gateways = [
            self._nat_gateway(zone, subnet, after)
            for zone, subnet in zip(self._settings.zones[:count], public[:count], strict=True)
        ]
        for i, (zone, table) in enumerate(zip(self._settings.zones, tables, strict=True)):
            self._default_route(zone, table, nat_gateway_id=gateways[i % count].id)

    def _nat_gateway(self, zone: str, subnet: aws.ec2.Subnet, after: pulumi.ResourceOptions) -> aws.ec2.NatGateway:
        address = aws.ec2.Eip(f"{self._name}-nat-{zone}-address", domain="vpc", opts=self._child)
        return aws.ec2.NatGateway(f"{self._name}-nat-{zone}", allocation_id=address.id, subnet_id=subnet.id, opts=after)

    def _default_route(self, zone: str, table: aws.ec2.RouteTable, **target: pulumi.Output[str]) -> None:
        aws.ec2.Route(
            f"{self._name}-private-{zone}-out",
            route_table_id=table.id,
            destination_cidr_block="0.0.0.0/0",
            opts=self._child,
            **target,
        )

    def _s3_endpoint(self, cluster: str, tables: Sequence[aws.ec2.RouteTable]) -> None:
        aws.ec2.VpcEndpoint(
            f"{self._name}-s3",
            vpc_id=self.vpc_id,
            service_name=f"com.amazonaws.{self._region}.s3",
            vpc_endpoint_type="Gateway",
            route_table_ids=[table.id for table in tables],
            tags={"Name": f"{cluster}-s3"},
            opts=self._child,
        )

    def _flow_log(self, logs: Bucket) -> None:
        aws.ec2.FlowLog(
            f"{self._name}-flow-log",
            vpc_id=self.vpc_id,
            traffic_type="ALL",
            log_destination_type="s3",
            # To S3 a gigabyte costs half of what CloudWatch takes.
            log_destination=pulumi.Output.concat(logs.arn, "/vpc/"),
            destination_options={
                "file_format": "parquet",
                "hive_compatible_partitions": True,
                "per_hour_partition": True,
            },
            max_aggregation_interval=600,
            # With its policy: otherwise AWS writes one of its own into the bucket.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[logs]),
        )

    def _interface_endpoints(self, cluster: str) -> None:
        group = security_group(
            f"{self._name}-endpoints",
            vpc_id=self.vpc_id,
            description="HTTPS from the VPC to AWS services",
            inbound=[Opening(name="vpc", cidr=str(self._settings.cidr), port=443, why="HTTPS from the VPC")],
            opts=self._child,
        )
        for service in _INTERFACE_SERVICES:
            aws.ec2.VpcEndpoint(
                f"{self._name}-{service.replace('.', '-')}",
                vpc_id=self.vpc_id,
                service_name=f"com.amazonaws.{self._region}.{service}",
                vpc_endpoint_type="Interface",
                private_dns_enabled=True,
                subnet_ids=self.private_subnets,
                security_group_ids=[group.id],
                tags={"Name": f"{cluster}-{service}"},
                opts=self._child,
            )
