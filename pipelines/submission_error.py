"""Why a pipeline is not submitted."""


class SubmissionError(Exception):
    """What was asked for cannot be done; the message says what was given, what is allowed, and what to do."""
