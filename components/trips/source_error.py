"""The one error of every source of trips."""


class SourceError(ValueError):
    """A source cannot be used as it is; the message names the file or the setting, the reason and what to do."""
