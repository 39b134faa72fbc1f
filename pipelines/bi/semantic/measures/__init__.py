"""List the measures that people ask for, by the folder that shows them."""

from types import MappingProxyType

from pipelines.bi.semantic.measures import (
    behaviour,
    data_quality,
    funnel,
    model_quality,
    predictions,
    sales,
    sessions,
    trends,
    users,
)

MEASURES = MappingProxyType(
    {
        "Sessions": sessions.MEASURES,
        "Funnel": funnel.MEASURES,
        "Sales": sales.MEASURES,
        "Trends": trends.MEASURES,
        "Users": users.MEASURES,
        "Behaviour": behaviour.MEASURES,
        "Predictions": predictions.MEASURES,
        "Model quality": model_quality.MEASURES,
        "Data quality": data_quality.MEASURES,
    }
)
"""The measures by the folder that shows them."""
