"""Great Expectations, started quietly: the only place where its context is made.

What belongs here: switches. What does not: rules, frames, pages.
"""

from __future__ import annotations

import os
from typing import Any


def quiet_context() -> Any:
    """A context in memory that tells nobody, draws no progress bars and plans no site of its own.

    Imports Great Expectations: seconds and hundreds of megabytes the first time, milliseconds afterwards.
    """
    os.environ["GX_ANALYTICS_ENABLED"] = "false"  # read when the package is imported
    import great_expectations as gx
    from great_expectations.data_context.types.base import DataContextConfig, InMemoryStoreBackendDefaults

    stores = InMemoryStoreBackendDefaults(init_temp_docs_sites=False)  # the default names a folder in /tmp
    context = gx.get_context(mode="ephemeral", project_config=DataContextConfig(store_backend_defaults=stores))
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    return context
