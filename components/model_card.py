"""The model card: what a model is, what it learned from, how good it is and where not, and why it serves.

The sections are those of Mitchell et al., "Model cards for model reporting", 2019, as far as a run knows them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from components import contract, thresholds
from components.page import Section, Table, render


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a run knows about its model; each is the JSON that a step wrote.

    Attributes:
        manifest: ``model.json`` of the model folder.
        origin: Source, data version, commit, stack and run, by name.
        metrics: Of the evaluate step.
        verdict: Of the compare step.
        compatibility: Of the check_compatibility step.
        importances: Of the explain step.
        promotion: Who promoted it and why, in words; empty where nobody tried.
    """

    manifest: Mapping[str, Any]
    origin: Mapping[str, str]
    metrics: Mapping[str, Any]
    verdict: Mapping[str, Any]
    compatibility: Mapping[str, Any]
    importances: Mapping[str, Any]
    promotion: str = ""


# MLflow keeps a description in a column of so many characters, and Postgres refuses longer ones.
LONGEST_DESCRIPTION = 5000
_LONGEST_TEXT = 1200
_TITLE = "# Trip duration"

LIMITS = (
    "It knows nothing of weather, road works, events or closures but by the traffic of the last hour.",
    "A zone or a pair of zones without trips in the last four weeks is predicted from distance and time alone.",
    f"Durations are {contract.MIN_DURATION_SECONDS:g} to {contract.MAX_DURATION_SECONDS:g} seconds; others are brought "
    f"to the nearer end.",
    "Zones are no persons, but neighbourhoods differ in wealth: the errors by borough say whom it serves worse.",
    "It is made to tell riders and dispatchers what to expect, not to set fares or to judge drivers.",
)


def sections(facts: Facts) -> list[Section]:
    """The card's parts."""
    training = facts.manifest["training"]
    made = [
        ("Family", facts.manifest["family"]),
        ("Predicts", f"{contract.TARGET}, at the start of a trip"),
        ("SHA-256 of its native file", facts.manifest["model_sha256"]),
        ("Needs", ", ".join(f"{name} {version}" for name, version in facts.manifest["requires"].items())),
        ("Parameters", ", ".join(f"{name}={value:.4g}" for name, value in training["parameters"].items()) or "none"),
        ("Trips learned from", training["train_rows"]),
        *((name, value) for name, value in facts.origin.items()),
    ]
    return [
        Section(heading="What it is", table=Table(columns=("", "Value"), rows=made)),
        Section(heading="Whether it serves, and why", text=_decision(facts)),
        Section(heading="How good it is", text=_quality(facts), table=_errors(facts)),
        *[_slices(group, members) for group, members in facts.metrics["slices"].items()],
        Section(heading="What drives it", table=_importances(facts)),
        Section(heading="What it costs", text=_costs(facts)),
        Section(heading="Where not to use it", text="\n\n".join(LIMITS)),
    ]


def as_page(facts: Facts) -> str:
    """The card as HTML."""
    return render("Model card: trip duration", sections(facts))


def as_markdown(facts: Facts) -> str:
    """The card as Markdown."""
    return "\n\n".join([_TITLE, *map(_markdown, sections(facts))]) + "\n"


def as_description(facts: Facts) -> str:
    """The card as Markdown of at most LONGEST_DESCRIPTION characters, as the registry shows it.

    Where there are many reasons the first are told, and a section that has no room is left out; the last line says
    where the whole card is.
    """
    whole = as_markdown(facts)
    if len(whole) <= LONGEST_DESCRIPTION:
        return whole
    rest = f"The whole card is `model_card.html` of run {facts.origin.get('Run', 'of this version')}."
    parts, left = [_TITLE], LONGEST_DESCRIPTION - len(_TITLE) - len(rest) - 3
    for section in sections(facts):
        part = _markdown(replace(section, text=_beginning(section.text)))
        if len(part) + 2 <= left:
            parts.append(part)
            left -= len(part) + 2
    return "\n\n".join([*parts, rest]) + "\n"


def _markdown(section: Section) -> str:
    table = _markdown_table(section.table) if section.table else ""
    return "\n\n".join(filter(None, [f"## {section.heading}", section.text, table]))


def _beginning(text: str) -> str:
    """The first paragraphs of a text, as many as have room; of the first at least its beginning."""
    first, *others = text.split("\n\n")
    kept = [first[:_LONGEST_TEXT]]
    for paragraph in others:
        if sum(map(len, kept)) + len(paragraph) > _LONGEST_TEXT:
            return "\n\n".join([*kept, "…"])
        kept.append(paragraph)
    return "\n\n".join(kept)


def _markdown_table(table: Table) -> str:
    lines = [table.columns, ["---"] * len(table.columns), *table.rows]
    return "\n".join("| " + " | ".join(_cell(value) for value in line) + " |" for line in lines)


def _cell(value: Any) -> str:
    text = f"{value:,.4g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)
    return text.replace("|", "\\|").replace("\n", " ")


def _decision(facts: Facts) -> str:
    verdict = facts.verdict
    decided = "Accepted by force." if verdict["forced"] else f"{_outcome(verdict)} by the gate."
    return "\n\n".join([decided, *filter(None, [facts.promotion]), *verdict["reasons"]])


def _outcome(verdict: Mapping[str, Any]) -> str:
    return "Accepted" if verdict["accepted"] else "Rejected"


def _quality(facts: Facts) -> str:
    mae, coverage = facts.metrics["intervals"]["mae"], facts.metrics["intervals"]["coverage"]
    said = (
        f"On trips of the last fifth of the time it is off by {mae['value']:.1f} seconds in the mean "
        f"({mae['low']:.1f} to {mae['high']:.1f} with {thresholds.CONFIDENCE:.0%} confidence). Its intervals hold "
        f"{coverage['value']:.1%} of the trips, {thresholds.INTERVAL_COVERAGE:.0%} are promised."
    )
    if abs(coverage["value"] - thresholds.INTERVAL_COVERAGE) > thresholds.COVERAGE_TOLERANCE:
        said += " Do not rely on the intervals: the test trips are of another kind than those before them."
    return said


def _errors(facts: Facts) -> Table:
    parts = [(part, facts.metrics[part]) for part in ("train", "test", "baseline")]
    rows = [(name, *(errors[key] for key in ("rows", "mae", "rmse", "mape"))) for name, errors in parts]
    return Table(columns=("Part", "Trips", "MAE, s", "RMSE, s", "MAPE"), rows=rows)


def _slices(group: str, members: Mapping[str, Mapping[str, float]]) -> Section:
    rows = [(name, *(one[key] for key in ("rows", "mae", "mape", "coverage"))) for name, one in members.items()]
    title = group.replace("_", " ")
    columns = (title.capitalize(), "Trips", "MAE, s", "MAPE", "In interval")
    return Section(heading=f"By {title}", table=Table(columns=columns, rows=rows))


def _importances(facts: Facts) -> Table:
    rows = [(one["feature"], one["mean_absolute_contribution"]) for one in facts.importances["features"]]
    return Table(columns=("Feature", "Mean size of its contribution to the log duration"), rows=rows)


def _costs(facts: Facts) -> str:
    cost = facts.compatibility
    return (
        f"One trip takes {cost['median_milliseconds']:.2f} ms in the median. The model has {cost['megabytes']:.1f} MB, "
        f"a process that serves it {cost['resident_megabytes']:.0f} MB."
    )
