"""No path leads to prod but through dev and staging, by one digest."""

from hypothesis import given
from hypothesis import strategies as st

from infra.delivery.promotion import (
    DEV,
    ENVIRONMENTS,
    PROD,
    STAGING,
    Entry,
    Kind,
    Rules,
    Run,
    environment_before,
    green_in_a_row,
    refusals,
)

RULES = Rules({(STAGING, Kind.CODE): 1, (PROD, Kind.CODE): 3, (STAGING, Kind.MODEL): 1, (PROD, Kind.MODEL): 2})

# Somebody tries to bring a digest somewhere, approved or not, in a new run or in an earlier one that is repeated, and
# what is tried then goes well or not. Long and mostly good, so that many of them reach prod.
attempts = st.lists(
    st.tuples(
        st.sampled_from(ENVIRONMENTS),
        st.sampled_from((Kind.MODEL, Kind.MODEL, Kind.MODEL, Kind.CODE)),
        st.sampled_from(("d1", "d1", "d1", "d2")),
        st.integers(1, 12),
        st.sampled_from((True, True, True, True, False)),
        st.sampled_from(((), ("ada",))),
    ),
    min_size=20,
    max_size=60,
)


def history(tried: list[tuple[str, Kind, str, int, bool, tuple[str, ...]]]) -> list[tuple[Run, tuple[str, ...]]]:
    """What is in the ledger after all that was tried: what was refused leaves nothing."""
    runs: list[tuple[Run, tuple[str, ...]]] = []
    for environment, kind, digest, number, green, approvers in tried:
        entry = Entry(environment=environment, kind=kind, digest=digest, approvers=approvers)
        if not refusals(entry, [run for run, _ in runs], RULES):
            run = Run(environment=environment, kind=kind, digest=digest, number=number, green=green)
            runs.append((run, approvers))
    return runs


@given(attempts)
def test_nothing_is_in_prod_that_was_not_green_often_enough_in_staging_and_in_dev(tried: list) -> None:
    runs = history(tried)
    for place, (run, approvers) in enumerate(runs):
        before = environment_before(run.environment)
        if before is None:
            continue
        same = [one for one, _ in runs[:place] if (one.kind, one.digest) == (run.kind, run.digest)]
        # Counted in another way than the rule counts: back from the newest, until the first that was not green.
        streak: set[int] = set()
        for one in reversed([one for one in same if one.environment == before]):
            if not one.green:
                break
            streak.add(one.number)
        assert len(streak) >= RULES.green_runs[run.environment, run.kind]
        assert all(
            any(one.green and one.environment == earlier for one in same)
            for earlier in ENVIRONMENTS[: ENVIRONMENTS.index(run.environment)]
        )
        assert run.environment != PROD or approvers


@given(attempts)
def test_what_was_tried_of_another_digest_or_kind_changes_nothing(tried: list) -> None:
    runs = [run for run, _ in history(tried)]
    for kind in Kind:
        own = [run for run in runs if (run.kind, run.digest) == (kind, "d1")]
        for environment in ENVIRONMENTS:
            entry = Entry(environment=environment, kind=kind, digest="d1", approvers=("ada",))
            assert refusals(entry, runs, RULES) == refusals(entry, own, RULES)


def test_a_change_that_was_tried_as_it_should_be_is_let_into_prod() -> None:
    def run(environment: str, number: int) -> Run:
        return Run(environment=environment, kind=Kind.CODE, digest="d1", number=number, green=True)

    runs = [run(DEV, 1), run(STAGING, 2), run(STAGING, 3), run(STAGING, 4)]
    entry = Entry(environment=PROD, kind=Kind.CODE, digest="d1", approvers=("ada",))
    assert refusals(entry, runs, RULES) == ()
    assert refusals(entry, runs[:-1], RULES) == ("code d1 has 2 green runs in a row in staging, and prod wants 3",)


def test_a_repeated_run_counts_once_and_a_red_one_begins_the_count_anew() -> None:
    def run(number: int, *, green: bool = True) -> Run:
        return Run(environment=STAGING, kind=Kind.MODEL, digest="d1", number=number, green=green)

    assert green_in_a_row([run(1), run(1), run(1)], STAGING, Kind.MODEL, "d1") == 1
    assert green_in_a_row([run(1), run(2, green=False), run(3)], STAGING, Kind.MODEL, "d1") == 1
