"""An element of a page was clicked. A click on btn_buy is a purchase."""

from producers.contract.event_type import (
    EventType,
    category,
    coordinate,
    event_id,
    page_url,
    price,
    session_id,
    text,
    timestamp,
    user_agent,
    user_id,
)

EVENT = EventType(
    name="clicks",
    doc="One row per click: a user clicked an element of a page.",
    fields=(
        user_id(),
        session_id(),
        event_id(),
        text("element_id", "The element that was clicked; btn_buy is a purchase.", required=True),
        page_url("The address of the page that was clicked on."),
        category(),
        price(),
        timestamp(),
        coordinate("x_coord", "The distance of the click from the left edge of the page, in CSS pixels."),
        coordinate("y_coord", "The distance of the click from the top edge of the page, in CSS pixels."),
        user_agent(),
    ),
)
