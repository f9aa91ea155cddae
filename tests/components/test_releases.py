"""What came of releases is counted."""

from components.platform import Platform
from components.releases import RELEASED, ROLLED_BACK, add_release, counted, open_releases


def test_releases_are_counted_by_their_outcome_from_zero_on(platform: Platform) -> None:
    engine = open_releases(platform)
    with engine.connect() as connection:
        assert counted(connection) == {RELEASED: 0, ROLLED_BACK: 0}
    for version, outcome in ((8, RELEASED), (9, ROLLED_BACK), (10, ROLLED_BACK)):
        add_release(engine, version=version, serves=8, outcome=outcome, reason="canary", by="make release")
    with open_releases(platform).connect() as connection:
        assert counted(connection) == {RELEASED: 1, ROLLED_BACK: 2}
