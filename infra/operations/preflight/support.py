"""Support windows: versions that AWS still supports at the standard price, by the dated table of the versions file."""

import datetime
from collections.abc import Mapping

from infra.operations.findings import Finding, fails, ok, warning
from infra.operations.preflight.needs import Needs
from infra.versions import Versions

# Time to try an upgrade on dev, then staging, then prod.
_NOTICE_DAYS = 90


def check_support(needs: Needs, versions: Versions, today: datetime.date) -> list[Finding]:
    """Cluster and databases are in standard support on ``today``, and will be for a while."""
    table = versions.support
    found = [_window("Kubernetes", needs.kubernetes, table.kubernetes, table.dated, today)] if needs.kubernetes else []
    engines = {"postgres": table.postgres, "mysql": table.mysql}
    used = sorted({(one.engine, one.version) for one in needs.databases})
    return [*found, *(_window(engine, version, engines[engine], table.dated, today) for engine, version in used)]


def _window(
    what: str, version: str, ends: Mapping[str, datetime.date], dated: datetime.date, today: datetime.date
) -> Finding:
    check, needed = f"support: {what} {version}", "standard support, without its end in sight"
    advice = f"move to {_latest(ends)}: one edit in infra/versions.toml; docs/upgrades.md"
    end = ends.get(version)
    if end is None:
        known = ", ".join(sorted(ends))
        return fails(
            check, f"not in the table of {dated} ({known})", needed, "add its row, or choose one of these versions"
        )
    left = (end - today).days
    if left < 0:
        return fails(check, f"ended on {end}, {-left} days ago", needed, advice)
    if left < _NOTICE_DAYS:
        return warning(check, f"ends on {end}, in {left} days", needed, advice)
    return ok(check, f"until {end}", needed)


def _latest(ends: Mapping[str, datetime.date]) -> str:
    return max(ends, key=lambda version: ends[version])
