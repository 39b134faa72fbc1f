"""The commands of the quarantine: to look at what waits loads no Spark, to replay or discard it does."""

from __future__ import annotations

from pipelines.runtime.commands import Lazy, lazy_app
from pipelines.runtime.console import call

app = lazy_app(
    {
        "list": Lazy(
            "pipelines.operations.quarantine_list:list_",
            "What waits, grouped by the rule it breaks, with counts and an example.",
        ),
        "show": Lazy(
            "pipelines.operations.quarantine_list:show",
            "Print one record readably: its reasons, and its bytes escaped.",
        ),
        "replay": Lazy(
            "pipelines.operations.quarantine:replay",
            "Validate the waiting records again under the current contract: the good ones enter silver.",
        ),
        "discard": Lazy(
            "pipelines.operations.quarantine:discard",
            "Decide that waiting records stay out; the rows and their bytes are kept, with the reason.",
        ),
    },
    "What broke the contract: look at it, and send it through again.",
)

if __name__ == "__main__":
    call(app)
