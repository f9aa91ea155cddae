"""Ask the deployed bundle for one trip: ``python -m serving.ask``. Prints one JSON line."""

import json
import sys
import time

import httpx

from components.platform import Platform
from serving.trips import EXAMPLE_TRIP


def main() -> None:
    """Send the example trip; the line holds the trip, the answer and the milliseconds that it took."""
    url = f"{Platform().serving_url}/predict"  # pyright: ignore[reportCallIssue]
    try:
        # The connection is made first: what counts is how long a prediction takes.
        with httpx.Client(timeout=10, trust_env=False) as client:
            client.get(f"{url.removesuffix('/predict')}/livez")
            started = time.perf_counter()
            answer = client.post(url, json=EXAMPLE_TRIP)
            milliseconds = (time.perf_counter() - started) * 1e3
    except httpx.TransportError as error:
        sys.exit(f"no answer from {url}: {error}; `make status` shows what is running")
    if answer.is_error:
        sys.exit(f"{url} answered {answer.status_code}: {answer.text}")
    print(json.dumps({"trip": EXAMPLE_TRIP, **answer.json(), "milliseconds": round(milliseconds, 1)}))


if __name__ == "__main__":
    main()
