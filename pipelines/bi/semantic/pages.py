"""Declare what the report shows, page by page, by fields of the model: ``[Revenue]``, ``sessions[bought]``.

A visual over tables that gold may lack names only what is there. What is declared later appears by itself.
"""

from __future__ import annotations

from pipelines.bi.semantic.layout import (
    Page,
    Visual,
    bars,
    between,
    choice,
    columns,
    lines,
    list_of,
    measure_fields,
    page,
    shaded,
    table,
)
from pipelines.bi.semantic.measures.trends import TRENDS
from pipelines.bi.semantic.model import Model, ModelTable
from pipelines.bi.semantic.relationships import CALENDAR, CALENDAR_DAY
from pipelines.bi.semantic.tables import BAND

WHY = "path"
"""The column that says why a score is as it is."""

DAY = f"{CALENDAR}[{CALENDAR_DAY}]"
KIND = "sessions[referrer_kind]"


def pages(model: Model) -> tuple[Page, ...]:
    """The pages of the report over a model."""
    tables = {table.name: table for table in model.tables}
    return (
        _overview(),
        _funnel(),
        _about_to_buy(tables["session_predictions"]),
        _next_time(),
        _behaviour(),
        _model_quality(tables.get("model_metrics")),
        _data_quality(),
    )


def _overview() -> Page:
    return page(
        "overview",
        "Overview",
        "What the shop did, by the day on which sessions began (UTC).",
        (between(DAY), choice(KIND)),
        ("Visitors", "Sessions", "Conversion rate", "Revenue", "Average order value", "Predicted buyers, still open"),
        (
            (
                lines("Sessions, and those that bought", DAY, "Sessions", "Buying sessions"),
                columns("Revenue", DAY, "Revenue"),
            ),
            (
                bars("Where sessions come from", KIND, "Sessions"),
                bars("Most viewed pages", "page_performance[page]", "Views of pages", most=8),
                list_of(
                    "The last 7 whole days against the 7 before",
                    "Newest event",
                    *(trend.change.name for trend in TRENDS.values()),
                ),
            ),
            (
                table(
                    "Months",
                    f"{CALENDAR}[month]",
                    "[Sessions]",
                    "[Conversion rate]",
                    "[Purchases]",
                    "[Revenue]",
                    "[Average order value]",
                    "[Share quarantined]",
                ),
            ),
        ),
    )


def _funnel() -> Page:
    steps = ("Sessions", "Sessions with a product view", "Sessions with a cart", "Buying sessions")
    return page(
        "funnel",
        "Funnel",
        "How far sessions get. Each step counts by itself: a session may buy without a cart.",
        (between(DAY), choice(KIND)),
        ("Product view rate", "Cart rate", "Conversion rate", "Cart abandonment", "Minutes to purchase"),
        (
            (
                Visual("funnel", "How many sessions get how far", {"Y": measure_fields(steps)}),
                lines("The rates, day by day", DAY, "Product view rate", "Cart rate", "Conversion rate"),
            ),
            (
                table(
                    "By where sessions come from",
                    KIND,
                    "sessions[referrer_host]",
                    *measure_fields((*steps, "Conversion rate", "Bounce rate", "Revenue per session")),
                    sort="[Sessions]",
                ),
            ),
        ),
    )


def _about_to_buy(predictions: ModelTable) -> Page:
    reasons = (f"{predictions.name}[{column.name}]" for column in predictions.columns if column.name == WHY)
    return page(
        "about_to_buy",
        "Who is about to buy",
        "Sessions that were open and had not bought as of the newest event in gold; hours after it, they are over. "
        "Where every session is closed, nothing is listed.",
        (between(DAY), choice(KIND)),
        ("Predicted buyers, still open", "Expected purchases, still open", "Scored sessions", "Newest score"),
        (
            (
                table(
                    "The most likely first, with what they have done so far",
                    "session_predictions[user_id]",
                    "session_predictions[session_id]",
                    *reasons,
                    KIND,
                    *measure_fields(
                        ("Highest probability", "Page views", "Product views", "Cart adds", "Minutes per session")
                    ),
                    sort="[Highest probability]",
                ),
            ),
            (
                columns("How sure the model is", f"session_predictions[{BAND}]", "Scored sessions"),
                bars("Expected purchases, by where sessions come from", KIND, "Expected purchases, still open"),
            ),
        ),
        only=(("sessions[is_closed]", False), ("sessions[bought]", False)),
        none="Every scored session is closed or has bought. Sessions that begin now are here after `clickstream run`.",
    )


def _next_time() -> Page:
    return page(
        "next_time",
        "Who may buy next time",
        "Users whose last session is closed, by what it was: will their next one bring a purchase? Empty until a model "
        "of next_session is live.",
        (between(DAY), choice(KIND)),
        ("Users who may return", "Predicted to buy next time", "Expected purchases next time"),
        (
            (
                table(
                    "The most likely first",
                    "next_session_predictions[user_id]",
                    "next_session_predictions[session_id]",
                    f"next_session_predictions[{WHY}]",
                    *measure_fields(("Probability to buy next time",)),
                    sort="[Probability to buy next time]",
                ),
            ),
            (
                columns("How sure the model is", f"next_session_predictions[{BAND}]", "Users who may return"),
                bars("Expected purchases, by where they came from", KIND, "Expected purchases next time"),
            ),
        ),
    )


def _behaviour() -> Page:
    return page(
        "behaviour",
        "Behaviour",
        "Where people click, when they come, and what they look at. Each kind of page has its own click map.",
        (between(DAY), choice("click_map[page_kind]")),
        (),
        (
            (
                shaded(
                    "Clicks, in cells of 50 by 50 pixels from the page's top left",
                    "click_map[y_from]",
                    "click_map[x_from]",
                    "Clicks on the map",
                ),
                shaded(
                    "Events by weekday and hour (UTC)", f"{CALENDAR}[weekday]", "hourly_activity[hour_of_day]", "Events"
                ),
            ),
            (
                table(
                    "Categories",
                    "category_performance[category]",
                    *measure_fields(
                        (
                            "Product views by category",
                            "Cart adds by category",
                            "Purchases by category",
                            "Revenue by category",
                            "Conversion rate by category",
                        )
                    ),
                    sort="[Revenue by category]",
                ),
                table(
                    "Pages",
                    "page_performance[page]",
                    *measure_fields(("Views of pages", "Entrances", "Exits", "Exit rate")),
                    sort="[Views of pages]",
                ),
            ),
        ),
    )


def _model_quality(metrics: ModelTable | None) -> Page:
    shown = [column.name for column in metrics.columns if not column.hidden] if metrics else []
    turned_out = table(
        "How the scores turned out, by version and day",
        *(f"model_metrics[{name}]" for name in shown),
        sort="model_metrics[started_on]" if "started_on" in shown else "",
    )
    return page(
        "model_quality",
        "Model quality",
        "What became of the sessions that were scored. Only scores given before a session closed count: later ones "
        "may come from a model that learned from it.",
        (between(DAY), choice("prediction_log[model_version]")),
        (
            "Known outcomes",
            "Precision of the predictions",
            "Recall of the predictions",
            "F1 of the predictions",
            "Lift of the predictions",
            "Brier score",
        ),
        (
            (
                lines(
                    "Calibration: what was said, and what happened",
                    f"prediction_log[{BAND}]",
                    "Average probability of known outcomes",
                    "Share that bought",
                ),
                lines(
                    "Precision and recall, day by day", DAY, "Precision of the predictions", "Recall of the predictions"
                ),
            ),
            (
                table(
                    "By version, and by how many events were known",
                    "prediction_log[model_version]",
                    "prediction_log[cut]",
                    *measure_fields(
                        (
                            "Scores given",
                            "Scores given in time",
                            "Known outcomes",
                            "Precision of the predictions",
                            "Recall of the predictions",
                        )
                    ),
                    sort="prediction_log[cut]",
                    ascending=True,
                ),
                *((turned_out,) if metrics else ()),
            ),
        ),
    )


def _data_quality() -> Page:
    return page(
        "data_quality",
        "Data quality",
        "What came in, by the day of arrival (UTC), and what became of it.",
        (between(DAY), choice("data_quality[event]")),
        ("Records received", "Records kept", "Share quarantined", "Share repeated", "Newest day of arrival"),
        (
            (
                Visual(
                    "lineChart",
                    "Share quarantined",
                    {"Category": (DAY,), "Y": ("[Share quarantined]",), "Series": ("data_quality[event]",)},
                ),
                bars("Which rules are broken", "data_quality[rule]", "Rules broken"),
            ),
            (
                table(
                    "By kind of event",
                    "data_quality[event]",
                    *measure_fields(
                        (
                            "Records received",
                            "Records kept",
                            "Records quarantined",
                            "Records repeated",
                            "Event ids reused",
                            "Share quarantined",
                        )
                    ),
                    sort="[Records received]",
                ),
                bars(
                    "Suspected bot traffic",
                    "sessions[suspect_rule]",
                    "Suspect sessions",
                    none="No session is suspected of being a bot's.",
                ),
            ),
        ),
    )
