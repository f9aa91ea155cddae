"""Is the bundle that lies in an environment the one that was deployed there? Pure."""

from collections.abc import Iterable

from infra.delivery.ledger import Record


class HandoverRefused(RuntimeError):
    """The bundle is not what its environment deployed; the message says what was found and what was recorded."""


def recorded(tag: str, environment: str, records: Iterable[Record]) -> Record:
    """What an environment's ledger says of a bundle.

    Args:
        tag: The bundle's.
        environment: Where it should have been deployed.
        records: The ledger of that environment, the newest first.

    Raises:
        HandoverRefused: It was never deployed there.
    """
    found = next((one for one in records if one.name == tag), None)
    if found is None:
        raise HandoverRefused(f"{tag} was never deployed in {environment}: release it there first")
    return found


def check(record: Record, digest: str) -> None:
    """Hold the digest of a bundle, as it lies in an environment now, against what was deployed there.

    Raises:
        HandoverRefused: They differ.
    """
    if record.digest != digest:
        raise HandoverRefused(
            f"{record.name} in {record.environment} has digest {digest}, and what run {record.run} deployed had "
            f"{record.digest}; it was built anew or changed, so nobody has tried it"
        )
