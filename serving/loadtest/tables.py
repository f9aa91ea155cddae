"""The tables of the load test and of the benchmark."""

from rich.table import Table

from serving.loadtest.figures import spread
from serving.loadtest.report import Budgets, Report
from serving.loadtest.results import CLIENTS, RATIOS, Bench


def report_table(found: Report, budgets: Budgets) -> Table:
    """The figures beside their budgets."""
    table = Table(box=None, pad_edge=False)
    for heading in ("figure", "measured", "budget"):
        table.add_column(heading, justify="left" if heading == "figure" else "right")
    table.add_row("good answers", f"{found.answered_per_second:.1f}/s", "")
    table.add_row("p50", f"{found.p50_milliseconds:.1f} ms", "")
    table.add_row("p95", f"{found.p95_milliseconds:.1f} ms", "")
    table.add_row("p99", f"{found.p99_milliseconds:.1f} ms", f"{budgets.p99_milliseconds:g} ms")
    table.add_row("slowest", f"{found.max_milliseconds:.1f} ms", "")
    table.add_row("errors", f"{found.error_share:.2%}", f"{budgets.error_share:.2%}")
    table.add_row("load generator late by at most", f"{found.late_milliseconds:.1f} ms", "")
    return table


def server_table(found: Bench) -> Table:
    """One row a server: the medians of its rounds; latencies with the most clients; CPU of one request."""
    table = _table(
        "server", *(f"c={clients} /s" for clients in CLIENTS), "p50", "p99", "failed", "CPU", "memory", "ready"
    )
    for name, rounds in found.rounds.items():
        busiest = rounds[CLIENTS[-1]]
        table.add_row(
            name,
            *(f"{spread([one.per_second for one in rounds[clients]]).median:,.0f}" for clients in CLIENTS),
            f"{spread([one.p50_milliseconds for one in busiest]).median:.1f} ms",
            f"{spread([one.p99_milliseconds for one in busiest]).median:.1f} ms",
            str(sum(one.failed for figures in rounds.values() for one in figures)),
            f"{found.processor_milliseconds[name]:.2f} ms",
            f"{found.megabytes[name]:.0f} MB",
            f"{found.ready_seconds[name]:.1f} s",
        )
    return table


def ratio_table(found: Bench) -> Table:
    """One row a ratio of requests per second: median, least and most over the rounds."""
    table = _table("ratio", *(f"c={clients}" for clients in CLIENTS), "aim")
    by_clients = [found.ratios(clients) for clients in CLIENTS]
    for name, _, _, aim in RATIOS:
        if all(name in ratios for ratios in by_clients):
            shown = [ratios[name] for ratios in by_clients]
            table.add_row(name, *(f"{one.median:.2f} ({one.least:.2f} to {one.most:.2f})" for one in shown), aim)
    return table


def strain_table(found: Bench) -> Table:
    """The bundle at half and at twice its largest rate."""
    table = _table(
        "at a fixed rate", "half: /s", "p99", "errors", "twice: sent /s", "good", "shed", "wrong", "no answer"
    )
    for name, half in found.half.items():
        double = found.double[name]
        table.add_row(
            name,
            str(half.rate),
            f"{half.p99_milliseconds:.1f} ms",
            f"{half.error_share:.2%}",
            f"{double.sent_per_second:,.0f}",
            *(str(count) for count in (double.good, double.shed, double.wrong, double.unanswered)),
        )
    return table


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column(first, overflow="fold")
    for heading in others:
        table.add_column(heading, justify="right", overflow="fold")
    return table
