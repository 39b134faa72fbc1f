"""A page was shown."""

from producers.contract.event_type import (
    EventType,
    category,
    event_id,
    page_url,
    price,
    session_id,
    timestamp,
    url,
    user_agent,
    user_id,
)

EVENT = EventType(
    name="page_views",
    doc="One row per page view: a page of the shop was shown to a user.",
    fields=(
        user_id(),
        session_id(),
        event_id(),
        page_url("The address of the page that was shown."),
        url("referrer_url", "The address the user came from; null where they came directly."),
        category(),
        price(),
        timestamp(),
        user_agent(),
    ),
)
