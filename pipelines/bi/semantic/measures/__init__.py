"""The figures that people ask for, by what they are about.

Every figure belongs to the table FIGURES of the model, so that none has the name of a column beside
it, which Power BI refuses.
"""

from pipelines.bi.semantic.measures import (
    behaviour,
    data_quality,
    funnel,
    model_quality,
    predictions,
    sales,
    visitors,
    visits,
)

FIGURES = "figures"
"""The table of the model that holds the measures."""

MEASURES = {
    "Visits": visits.MEASURES,
    "Funnel": funnel.MEASURES,
    "Sales": sales.MEASURES,
    "Visitors": visitors.MEASURES,
    "Behaviour": behaviour.MEASURES,
    "Predictions": predictions.MEASURES,
    "Model quality": model_quality.MEASURES,
    "Data quality": data_quality.MEASURES,
}
"""The measures by the folder in which Power BI shows them."""
