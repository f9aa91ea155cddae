"""Whose lineage is asked for: ``OF=model:champion``."""

from dataclasses import dataclass

from components import contract

FORMS = "bundle:<tag>, bundle:live, model:<version>, model:champion, model:challenger, data:<version>, run:<id>, run:latest or commit:<sha>"  # noqa: E501
LIVE, LATEST = "live", "latest"
ALIASES = (contract.CHAMPION, contract.CHALLENGER)


class SubjectError(ValueError):
    """What was asked for has no such form, or is not there; the message says what is allowed and what there is."""


@dataclass(frozen=True)
class Subject:
    """A kind and a name of that kind, of which only the form was checked.

    Attributes:
        kind: ``bundle``, ``model``, ``data``, ``run`` or ``commit``.
        name: E.g. a version, or an alias such as ``champion``.
    """

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"


def parse(text: str) -> Subject:
    """The subject that a text names.

    Raises:
        SubjectError: The text has none of the forms.
    """
    kind, _, name = text.strip().partition(":")
    # The name of the bundle is the same for all of them, so the version alone will do.
    name = name.removeprefix(f"{contract.BUNDLE_NAME}:") if kind == "bundle" else name
    fits = {
        "bundle": name.isalnum(),
        "model": name.isdecimal() or name in ALIASES,
        "data": name.isdecimal(),
        "run": name.isalnum(),
        "commit": 4 <= len(name) <= 40 and set(name) <= set("0123456789abcdef"),
    }
    if not fits.get(kind, False):
        raise SubjectError(f"OF={text} was given; give {FORMS}")
    return Subject(kind, name)
