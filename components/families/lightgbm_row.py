"""One row at a time by LightGBM's C interface for single rows: the same number for a tenth of the time.

``Booster.predict`` reads its settings, checks its arguments and makes a predictor anew for each call, which takes ten
times as long as going through the trees. See ``LGBM_BoosterPredictForMatSingleRowFast`` in LightGBM's C API.
"""

import ctypes
import threading
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

        self._booster, self._shape = booster, (1, columns)
        # What the library reads and writes; looking up where an array lies takes as long as going through the trees.
        self._row, self._found, self._length = np.empty(self._shape), np.empty(1), ctypes.c_int64()
        self._pointers = (
            ctypes.c_void_p(self._row.ctypes.data),
            ctypes.byref(self._length),
            ctypes.c_void_p(self._found.ctypes.data),
        )
        self._lock = threading.Lock()
        self._library: Any = _LIB
        self._single_row = self._library.LGBM_BoosterPredictForMatSingleRowFast
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
        if row.shape != self._shape:
            raise ValueError(f"one row of {self._shape[1]} numbers is wanted, got an array of shape {list(row.shape)}")
        with self._lock:
            self._row[:] = row
            self._safe_call(self._single_row(self._configuration, *self._pointers))
            return self._found.copy()
