"""Roughly where a network address is, in words.

Without a database of places an address is its own name: that is what a person can compare.
"""

from __future__ import annotations

import ipaddress
from typing import Any, Protocol

from maxminddb import InvalidDatabaseError

from app.core.errors import N_

LOCAL = N_("a local network")
LOCAL_NETWORKS = [
    ipaddress.ip_network(text)
    for text in (
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "169.254.0.0/16",
        "::1/128", "fc00::/7", "fe80::/10",
    )
]  # fmt: skip
"""Loopback, private and link-local (RFC 1918, 3927, 4193, 4291): no place on any map."""


class Places(Protocol):
    """A database of places by network, as maxminddb's `Reader` is one."""

    def get(self, ip_address: str, /) -> Any:
        """The record of the network that holds the address; None if there is none."""


def place_of(ip: str | None, places: Places | None) -> str | None:
    """City and country of an address in English, or `LOCAL`, or the address itself.

    None where there is no address at all.
    """
    try:
        address = ipaddress.ip_address(ip or "")
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if any(address in network for network in LOCAL_NETWORKS):
        return LOCAL
    return _on_map(str(address), places) or str(address)


def _on_map(address: str, places: Places | None) -> str | None:
    if places is None:
        return None
    try:
        record = places.get(address)
    except (InvalidDatabaseError, ValueError):
        # A damaged spot, or a database of IPv4 alone that is asked for an IPv6 address.
        return None
    names = [_name(record, part) for part in ("city", "country")]
    return ", ".join(name for name in names if name) or None


def _name(record: Any, part: str) -> str | None:
    # The record is what stands in somebody's file: every level of it may be missing.
    for key in (part, "names", "en"):
        if not isinstance(record, dict):
            return None
        record = record.get(key)
    return record if isinstance(record, str) else None
