"""Secrets as dictionaries, be they in Secrets Manager or in a folder, and what is generated into them."""

import json
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

Values = dict[str, str]


class BootstrapError(RuntimeError):
    """The bootstrap cannot go on; the message says what is missing and what to do."""


class Vault:
    """Secrets Manager secrets as dictionaries; ``client`` is boto3's."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def read(self, name: str) -> Values:
        """The secret's values; none where nothing was put into it yet.

        Raises:
            BootstrapError: There is no such secret, or it may not be read.
        """
        try:
            return json.loads(self._client.get_secret_value(SecretId=name)["SecretString"])
        except ClientError as error:
            if _is_empty(error):
                return {}
            raise BootstrapError(f"secret {name} cannot be read: {error}") from error

    def write(self, name: str, values: Values) -> None:
        """Put the values there, if they differ from what is there.

        Raises:
            BootstrapError: It may not be written.
        """
        if self.read(name) == values:
            return
        try:
            self._client.put_secret_value(SecretId=name, SecretString=json.dumps(values, sort_keys=True))
        except ClientError as error:
            raise BootstrapError(f"secret {name} cannot be written: {error}") from error


class Folder:
    """Secrets that are complete before the bootstrap runs: a folder each, with a file for each value."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, name: str) -> Values:
        """The secret's values.

        Raises:
            BootstrapError: There is no such secret.
        """
        try:
            # A kubelet puts folders beside the files, which begin with two dots.
            files = [one for one in (self._folder / name).iterdir() if not one.name.startswith("..")]
            return {file.name: file.read_text() for file in files}
        except OSError as error:
            raise BootstrapError(f"secret {name} cannot be read: {error}") from error

    def write(self, name: str, values: Values) -> None:
        """See that the secret has these values: it is not the bootstrap's to change.

        Raises:
            BootstrapError: It has others, or lacks some.
        """
        stored = self.read(name)
        wrong = sorted(key for key in values if stored.get(key) != values[key])
        if wrong:
            raise BootstrapError(
                f"secret {name} lacks {', '.join(wrong)}, or has values that do not fit the stack; make the stack's "
                "secrets anew"
            )


def _is_empty(error: ClientError) -> bool:
    """Whether the secret is there and has no value; Secrets Manager gives one error for both kinds of absence."""
    details = error.response.get("Error", {})
    return details.get("Code") == "ResourceNotFoundException" and "staging label" in details.get("Message", "")


def new_password() -> str:
    """256 random bits in letters, digits, ``-`` and ``_``, which need no quoting in URLs and shells."""
    return secrets.token_urlsafe(32)


def completed(stored: Values, fixed: Values, generated: Mapping[str, Callable[[], str]]) -> Values:
    """The stored values with ``fixed`` ones brought up to date and missing ``generated`` ones made."""
    made = {key: make() for key, make in generated.items() if not stored.get(key)}
    return {**stored, **fixed, **made}
