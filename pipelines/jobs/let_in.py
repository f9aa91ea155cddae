"""``python -m pipelines.jobs.let_in COMMAND ...``: run a step's command once the network lets its pod in.

Where a controller of network policies adds a new pod to its filters after the pod has started, as kube-router's in k3s
does, the first connections of the pod are refused, for the longer the more its node has to do.
"""

import os
import sys

import tenacity
from sqlalchemy.exc import OperationalError

from components.database import open_engine
from components.platform import TableStore

_SECONDS = 120


@tenacity.retry(
    retry=tenacity.retry_if_exception_type(OperationalError),
    wait=tenacity.wait_exponential(max=10),
    stop=tenacity.stop_after_delay(_SECONDS),
    reraise=True,
)
def wait_until_let_in(store: TableStore) -> None:
    """Return once the database answers: who fails at once is not tried again.

    Raises:
        sqlalchemy.exc.OperationalError: It does not.
    """
    with open_engine(store).connect():
        return


def main() -> None:
    """Wait, and become the command."""
    try:
        wait_until_let_in(TableStore())  # pyright: ignore[reportCallIssue]
    except OperationalError as error:
        sys.exit(f"the step was not begun: after {_SECONDS} s the database still does not answer: {error.orig}")
    os.execvp(sys.argv[1], sys.argv[1:])


if __name__ == "__main__":
    main()
