"""The certificate authority by which database servers prove who they are."""

import ssl
import urllib.error
import urllib.request

from .vault import BootstrapError

_TIMEOUT_SECONDS = 30


def fetch(address: str | None, stored: str | None) -> str:
    """The certificate authority of the servers, or the one stored before where there is no address or it is not there.

    Raises:
        BootstrapError: Neither can be had.
    """
    try:
        return _downloaded(address)
    except (OSError, UnicodeDecodeError) as error:
        if stored:
            return stored
        raise BootstrapError(
            f"the certificate authority of the databases cannot be had from {address} ({error}): let pods of namespace "
            "`database` reach it, or put its text into the secret mlflow-database under the key `ca`"
        ) from error


def _downloaded(address: str | None) -> str:
    """What is there.

    Raises:
        OSError, UnicodeDecodeError: Nothing, or nothing that can be trusted.
    """
    if address is None:
        raise FileNotFoundError("the plan names no address")
    with urllib.request.urlopen(address, timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310
        found = answer.read().decode()
    ssl.create_default_context(cadata=found)
    return found
