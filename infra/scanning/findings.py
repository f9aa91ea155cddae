"""What a scanner says about an object."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, order=True)
class Finding:
    """One fault.

    Attributes:
        file: Where the object stands, relative to the render.
        scanner: ``schema``, ``kube-score``, ``checkov`` or ``exceptions``.
        rule: The scanner's name of the rule.
        reference: The object, ``Deployment/serving/bundle``.
        message: What is wrong.
    """

    file: str
    reference: str
    scanner: str
    rule: str
    message: str


class ScanError(Exception):
    """A scanner could not be had or did not work. The message says why and what to do."""
