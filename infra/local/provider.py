"""What all Pulumi resources of the local stack share."""

import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from pulumi.dynamic import ConfigureRequest, CreateResult, DiffResult, ReadResult, ResourceProvider, UpdateResult

READY = "ready"


class LocalProvider(ResourceProvider, ABC):
    """A provider that brings something on this machine into its described state, however it finds it.

    A subclass says how (``ensure``) and how to see it (``observe``). Creating is the same as updating, so
    that what an interrupted run already made is adopted instead of made twice. The state keeps the inputs
    and a ``status``; anything but ``ready``, as a refresh may find, is a difference that `up` mends.
    """

    # The providers hold no data; the state needs no encryption for their class names.
    serialize_as_secret_always = False

    @abstractmethod
    def ensure(self, props: dict[str, Any], previous: Mapping[str, Any] | None) -> dict[str, Any]:
        """Bring it about and return outputs beyond the inputs; ``previous`` is the state before, if any."""

    @abstractmethod
    def observe(self, props: Mapping[str, Any]) -> str:
        """``ready``, or a word for what is wrong. Must not change anything."""

    @abstractmethod
    def identify(self, props: Mapping[str, Any]) -> str:
        """The resource's id."""

    def configure(self, req: ConfigureRequest) -> None:
        # Errors are shown as one message; a traceback of ours tells a user nothing.
        sys.tracebacklimit = 0

    def create(self, props: dict[str, Any]) -> CreateResult:
        return CreateResult(self.identify(props), {**props, **self.ensure(props, None), "status": READY})

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        inputs = {key: value for key, value in _news.items() if key not in ("__provider", "status")}
        return DiffResult(changes=_olds.get("status") != READY or any(_olds.get(k) != v for k, v in inputs.items()))

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        return UpdateResult({**_news, **self.ensure(_news, _olds), "status": READY})

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        return ReadResult(id_, {**props, "status": self.observe(props)})
