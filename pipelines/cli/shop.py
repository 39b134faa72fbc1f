"""Show what conf/shop.toml makes of addresses, so that it is tried before silver is made by it."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table as Grid

from lakehouse.errors import UsageError
from pipelines.runtime.console import out, print_json
from pipelines.runtime.options import AsJson
from producers.shop.addresses import addresses_of, is_address
from producers.shop.settings import current_shop, shop_file

app = typer.Typer(no_args_is_help=True, help="Your shop: what its settings make of an address.")

_NONE, OTHER = "-", "other"


@app.callback()
def _shop() -> None: ...


@app.command()
def check(
    urls: Annotated[list[str], typer.Argument(metavar="URL...", help="Addresses of pages, or of referrers.")],
    referrer: Annotated[str, typer.Option(help="Where the user of each of these pages came from.")] = "",
    as_json: AsJson = False,
) -> None:
    """Say what an address is taken for: as a page, with its campaign; and as the referrer of a page of the shop."""
    found = [taken_for(url, referrer or None) for url in urls]
    if as_json:
        print_json(found)
    else:
        _show(urls, found)
    wrong = [url for url in [*urls, *([referrer] if referrer else [])] if not is_address(url)]
    if wrong:
        raise UsageError(
            f"{', '.join(map(repr, wrong))} {'is' if len(wrong) == 1 else 'are'} no address that can be read, by its "
            "beginning, host or port: silver takes such a text as a path of the shop. An empty one goes to quarantine.",
            "Write the whole address, as in https://shop.example/p/7, or a path, as in /p/7.",
        )


def _show(urls: list[str], found: list[dict[str, str | None]]) -> None:
    out.print(f"By {shop_file()}:")
    for url, one in zip(urls, found, strict=True):
        grid = Grid(box=None, show_header=False, padding=(0, 2))
        for name, value in one.items():
            grid.add_row(name, _NONE if value is None else value)
        out.print(f"\n{url or '(empty)'}", style="bold")
        out.print(grid)
    if not current_shop().hosts and any(one["as_referrer"] == OTHER for one in found):
        out.print(
            "\n`hosts` is empty: a referrer is then the shop's own (internal) where it has the host of the page it "
            f"led to. as_referrer knows no such page, and says {OTHER}. Put your hosts there to have them known.",
            soft_wrap=True,
        )


def taken_for(url: str, referrer: str | None = None) -> dict[str, str | None]:
    """What silver says of a page with this address; and, as ``as_referrer``, of one that was reached from there."""
    shop = current_shop()
    addresses = addresses_of(shop)
    page = addresses.page(url)
    came_from = addresses.referrer(referrer) if referrer else None
    own = addresses.page(f"https://{shop.hosts[0]}/") if shop.hosts else addresses.page("/")
    return {
        "page_url": page.url,
        "page_host": page.host,
        "page_path": page.path,
        "page_kind": page.kind,
        "referrer_host": came_from.host if came_from else None,
        "referrer_kind": addresses.referrer_kind(page, came_from),
        "campaign_source": page.campaign_source,
        "campaign_medium": page.campaign_medium,
        "campaign_name": page.campaign_name,
        "as_referrer": addresses.referrer_kind(own, addresses.referrer(url)),
    }
