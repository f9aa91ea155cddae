"""The benchmark of the training step compares like with like."""

from components.train.bench import measure


def test_both_learn_the_same_trees_and_every_figure_has_its_ratio() -> None:
    found = measure(rows=3000, rounds=1)
    assert found["rows"] == 3000
    assert len(found["trees"]) == 1
    for what in ("seconds", "processor_seconds", "peak_megabytes"):
        least, most = found[what]["ratios"]
        assert 0 < least <= found[what]["ratio"] <= most
