"""Prices, states and names of add-ons as Heroku's client prints them."""

from collections.abc import Iterable, Mapping
from typing import Any

# What a price of a month is divided by.
_HOURS = 720
_STATES: Mapping[str, str] = {
    "deprovisioned": "errored",
    "deprovisioning": "destroying",
    "provisioned": "created",
    "provisioning": "creating",
}


def hourly(price: Mapping[str, Any] | None) -> str:
    """`~$0.007/hour`, `free`; a question mark where none is known."""
    return _price(price) or f"~${price['cents'] / 100 / _HOURS:.3f}/hour" if price else "?"


def monthly(price: Mapping[str, Any] | None) -> str:
    """`$5/month`, `free`."""
    return _price(price) or f"{dollars(price['cents'])}/{price.get('unit', 'month')}" if price else "?"


def _price(price: Mapping[str, Any]) -> str:
    if price.get("contract"):
        return "contract"
    if price.get("metered"):
        return "metered"
    return "" if price["cents"] else "free"


def dollars(cents: int) -> str:
    return f"${cents / 100:,.2f}" if cents % 100 else f"${cents // 100:,}"


def both(price: Mapping[str, Any] | None) -> str:
    """`~$0.007/hour (max $5/month)`."""
    if not price or _price(price):
        return hourly(price)
    return f"{hourly(price)} (max {monthly(price)})"


def estimate(addons: Iterable[Mapping[str, Any]]) -> str:
    """What these cost a month."""
    return f"{dollars(sum((addon.get('billed_price') or {}).get('cents') or 0 for addon in addons))}/month"


def state(word: str) -> str:
    return _STATES.get(word, "")
