"""Size, speed and exactness of an exported model, and whether that is good enough."""

import os
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import onnxruntime

from components import thresholds
from components.model import Model
from serving.edge import parity

# What shares the processor's caches disturbs some rounds; the quietest says what the model costs.
_ROUNDS, _CALLS, _WARM_UPS = 30, 200, 50


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Figures of an exported model.

    Attributes:
        megabytes: Of the file.
        p99_milliseconds: Of one trip on one core of its own, from the graph's inputs to its outputs.
        difference: The largest relative difference from what the bundle says.
    """

    megabytes: float
    p99_milliseconds: float
    difference: float


def problems(measured: Measured) -> list[str]:
    """What is over its budget or beyond the tolerance, a sentence each; empty if the model may go to devices."""
    judged = {
        "size": (measured.megabytes, thresholds.MAX_EDGE_MEGABYTES, "MB", "MAX_EDGE_MEGABYTES"),
        "p99 of one trip on one core": (
            measured.p99_milliseconds,
            thresholds.MAX_EDGE_P99_MILLISECONDS,
            "ms",
            "MAX_EDGE_P99_MILLISECONDS",
        ),
        "relative difference from the bundle": (measured.difference, thresholds.EDGE_TOLERANCE, "", "EDGE_TOLERANCE"),
    }
    # A difference that is not a number is no pass.
    return [
        f"its {what} is {value:.3g} {unit}".rstrip() + f", allowed is {limit:g} ({name})"
        for what, (value, limit, unit, name) in judged.items()
        if not value <= limit
    ]


def measure(graph: bytes, model: Model) -> Measured:
    """Measure an exported model against the model that it was made of.

    Args:
        graph: The bytes of the file.
        model: The model.
    """
    session = one_thread(graph)
    question = parity.draw()
    difference = parity.difference(parity.expected(model, question), parity.answers(session, question))
    return Measured(megabytes=len(graph) / 1e6, p99_milliseconds=_p99(session), difference=difference)


def one_thread(graph: bytes) -> onnxruntime.InferenceSession:
    """A session as the client makes it: more threads would add 32-bit numbers of trees in another order."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def _p99(session: onnxruntime.InferenceSession) -> float:
    """Milliseconds of one trip."""
    drawn = parity.draw(_CALLS)
    inputs = [parity.Question([trip], drawn.online[[row]]).inputs() for row, trip in enumerate(drawn.trips)]
    with _one_core():
        for one in inputs[:_WARM_UPS]:
            session.run(None, one)
        return min(statistics.quantiles(_times(session, inputs), n=100)[-1] for _ in range(_ROUNDS))


def _times(session: onnxruntime.InferenceSession, inputs: Sequence[Mapping[str, np.ndarray]]) -> Iterator[float]:
    for one in inputs:
        # Time on the processor: on a free core as much passes on the clock, and a busy machine does not refuse a model.
        started = time.process_time()
        session.run(None, one)
        yield (time.process_time() - started) * 1e3


@contextmanager
def _one_core() -> Iterator[None]:
    """Keep this thread on one core, where the system can."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)
