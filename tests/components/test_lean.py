"""Imports without optional companions."""

import subprocess
import sys

import pytest

from components.lean import without


def test_lightgbm_comes_without_scikit_learn_and_pandas_and_both_can_be_imported_after() -> None:
    code = (
        "import sys; from components.families.lightgbm import lightgbm; lightgbm(); "
        "assert not {'sklearn', 'pandas', 'dask'} & sys.modules.keys(), 'loaded'; import pandas, sklearn"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_loaded_package_stays_visible_and_an_error_leaves_nothing_hidden() -> None:
    with pytest.raises(ZeroDivisionError), without("sys", "wave"):  # noqa: PT012
        import sys as visible

        assert visible is sys
        with pytest.raises(ModuleNotFoundError):
            import wave
        raise ZeroDivisionError
    import wave

    assert wave
