"""Is the bundle that lies in an environment the one that was deployed there? Pure."""

from collections.abc import Iterable

from infra.delivery.ledger import Record


class HandoverRefused(RuntimeError):
    """The bundle is not what its environment deployed; the message says what was found and what was recorded."""


def check(tag: str, digest: str, environment: str, records: Iterable[Record]) -> Record:
    """Hold a bundle's digest against what an environment's ledger says of it.

    Args:
        tag: The bundle's.
        digest: Of its content, as it lies there now.
        environment: Where it lies.
        records: The ledger of that environment, the newest first.

    Returns:
        The newest record of the bundle.

    Raises:
        HandoverRefused: It was never deployed there, or what was deployed had another digest.
    """
    record = next((one for one in records if one.name == tag), None)
    if record is None:
        raise HandoverRefused(f"{tag} was never deployed in {environment}: release it there first")
    if record.digest != digest:
        raise HandoverRefused(
            f"{tag} in {environment} has digest {digest}, and what run {record.run} deployed had {record.digest}; "
            "it was built anew or changed, so nobody has tried it"
        )
    return record
