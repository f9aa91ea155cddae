"""An AWS account that moto's server plays, empty at the start of each test."""

import json
import logging
import os
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

import boto3
import pytest
from moto.server import ThreadedMotoServer

from infra import settings
from infra.operations.account import Account
from infra.operations.stack import Stack

ACCOUNT = "123456789012"
REGION = "us-east-1"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
}


@pytest.fixture(scope="session")
def moto_address() -> Iterator[str]:
    """Address of the server that plays AWS."""
    # Machine images are hundreds of objects that no test here looks at.
    os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"
    # A line for each request would bury what a failing test has to say.
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


Clients = Callable[..., Any]


@pytest.fixture(scope="session")
def empty_account(moto_address: str) -> Callable[[], AbstractContextManager[Clients]]:
    """Empties the account, leads this process's AWS clients to it, and hands out clients by service."""

    @contextmanager
    def enter() -> Iterator[Clients]:
        urllib.request.urlopen(urllib.request.Request(f"{moto_address}/moto-api/reset", method="POST"))
        with pytest.MonkeyPatch.context() as patch:
            for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": moto_address}.items():
                patch.setenv(name, value)
            for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_CONFIG_FILE"):
                patch.delenv(name, raising=False)
            session = boto3.Session(region_name=REGION)
            clients: dict[tuple[str, str], Any] = {}

            def client(service: str, region: str = REGION) -> Any:
                if (service, region) not in clients:
                    clients[service, region] = session.client(service, region_name=region)
                return clients[service, region]

            yield client

    return enter


@pytest.fixture
def aws(empty_account: Callable[[], AbstractContextManager[Clients]]) -> Iterator[Clients]:
    """boto3 clients of an empty account, by service."""
    with empty_account() as clients:
        yield clients


@pytest.fixture
def account(aws: Clients) -> Account:
    return Account(REGION)


@pytest.fixture
def denied(
    aws: Clients, moto_address: str, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], AbstractContextManager[None]]:
    """Takes on a user who may do anything but one action; from then on AWS looks at permissions."""

    def enforce(count: int) -> None:
        # As plain text: of a form, moto would see nothing.
        request = urllib.request.Request(
            f"{moto_address}/moto-api/reset-auth",
            data=f"{count}".encode(),
            headers={"Content-Type": "text/plain"},
            method="POST",
        )
        urllib.request.urlopen(request)

    @contextmanager
    def enter(action: str) -> Iterator[None]:
        statements = [("Allow", "*"), ("Deny", action)]
        policy = {
            "Version": "2012-10-17",
            "Statement": [{"Effect": effect, "Action": of, "Resource": "*"} for effect, of in statements],
        }
        iam = aws("iam")
        iam.create_user(UserName="limited")
        iam.put_user_policy(UserName="limited", PolicyName="limited", PolicyDocument=json.dumps(policy))
        key = iam.create_access_key(UserName="limited")["AccessKey"]
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
        enforce(0)
        try:
            yield
        finally:
            # Moto's word for never.
            enforce(10**9)

    return enter


class StackBuilder(Protocol):
    """Makes a stack of the project with single settings changed: ``a_stack(paused=True, budget={"monthly": 9})``."""

    def __call__(self, name: str = "dev", **given: Any) -> Stack: ...


@pytest.fixture(scope="session")
def a_stack() -> StackBuilder:
    def build(name: str = "dev", **given: Any) -> Stack:
        config = {f"keelson:{key.replace('_', '-')}": value for key, value in given.items()}
        chosen = settings.load(name, "keelson", config)
        assert isinstance(chosen, settings.CloudSettings)
        return Stack(settings=chosen)

    return build
