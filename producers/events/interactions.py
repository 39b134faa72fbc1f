"""Anything else a user does on a page: scroll, zoom, add to the cart, search and more."""

from producers.contract.event_type import (
    EventType,
    category,
    choice,
    details,
    event_id,
    page_url,
    price,
    session_id,
    timestamp,
    user_agent,
    user_id,
)

EVENT = EventType(
    name="interactions",
    doc="One row per interaction: a user did something on a page other than a plain click.",
    fields=(
        user_id(),
        session_id(),
        event_id(),
        choice(
            "interaction_type",
            "What the user did.",
            choices=(
                "scroll",
                "zoom",
                "hover",
                "add_to_cart",
                "remove_from_cart",
                "add_to_wishlist",
                "search",
                "share",
                "video_play",
            ),
        ),
        page_url("The address of the page it happened on."),
        category(),
        price(),
        details(),
        timestamp(),
        user_agent(),
    ),
)
