"""One row at a time by LightGBM's C interface for single rows: the same number for a tenth of the time.

``Booster.predict`` reads its settings, checks its arguments and makes a predictor anew for each call, which takes ten
times as long as going through the trees. See ``LGBM_BoosterPredictForMatSingleRowFast`` in LightGBM's C API.
"""

import ctypes
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from lightgbm import Booster

_NORMAL, _FLOAT64 = 0, 1


class RowPredictor:
    """Predicts single rows.

    Args:
        booster: Must live as long as this.
        rounds: Trees that count.
        columns: Of a row.
    """

    def __init__(self, booster: "Booster", rounds: int, columns: int) -> None:
        # The handle has no public name; a test holds the numbers to those of Booster.predict.
        from lightgbm.basic import _safe_call
        from lightgbm.libpath import _LIB

        self._booster, self._columns = booster, columns
        self._library: Any = _LIB
        self._safe_call = _safe_call
        self._configuration = ctypes.c_void_p()
        handle = booster._handle  # pyright: ignore[reportAttributeAccessIssue]
        _safe_call(
            self._library.LGBM_BoosterPredictForMatSingleRowFastInit(
                handle,
                ctypes.c_int(_NORMAL),
                ctypes.c_int(0),
                ctypes.c_int(rounds),
                ctypes.c_int(_FLOAT64),
                ctypes.c_int32(columns),
                b"num_threads=1",
                ctypes.byref(self._configuration),
            )
        )

    def __del__(self) -> None:
        if self._configuration:
            self._library.LGBM_FastConfigFree(self._configuration)

    def predict(self, row: np.ndarray) -> np.ndarray:
        """The sum of the trees, float64 [1], for a row of float64 [1, columns].

        Raises:
            ValueError: The shape is wrong.
            lightgbm.basic.LightGBMError: LightGBM refuses.
        """
        if row.shape != (1, self._columns):
            raise ValueError(f"one row of {self._columns} numbers is wanted, got an array of shape {list(row.shape)}")
        row = np.ascontiguousarray(row, dtype=np.float64)
        found, length = np.empty(1), ctypes.c_int64()
        self._safe_call(
            self._library.LGBM_BoosterPredictForMatSingleRowFast(
                self._configuration,
                ctypes.c_void_p(row.ctypes.data),
                ctypes.byref(length),
                ctypes.c_void_p(found.ctypes.data),
            )
        )
        return found
