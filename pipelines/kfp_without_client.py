"""Import kfp without its client for the KFP API.

That client imports Kubernetes' client: 1.2 of the 1.5 s that ``import kfp`` takes. kfp leaves it out in the processes
of steps, which it marks by an environment variable; import this module before any other part of kfp to do likewise.
"""

import os

_MARK = "_KFP_RUNTIME"

if _MARK not in os.environ:
    os.environ[_MARK] = "true"
    try:
        import kfp  # noqa: F401
    finally:
        # Read again when kfp.dsl is imported, which must be whole.
        del os.environ[_MARK]
