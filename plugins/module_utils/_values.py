# Copyright (c) 2026 The vxlanlab.vtep maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How values are read: each function returns the normal form of what a user or another writer wrote.

All of them raise ``ValueError`` with words that say what was expected. Pure: nothing here knows a table or Ansible.
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

T = TypeVar("T")
Parse = Callable[[Any], Any]

#: What stands for "any MAC address that is not known" in the multicast tables (vtep.5, Mcast_Macs_Remote).
UNKNOWN_DST = "unknown-dst"
VXLAN_PORT = 4789  # RFC 7348, section 5

_SURROGATE = re.compile("[\ud800-\udfff]")
_COLON_MAC = re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}", re.ASCII)
_UNICAST_MAC = re.compile(r"[0-9a-f][02468ace](?::[0-9a-f]{2}){5}", re.ASCII)
_ANY_MAC = re.compile(r"[0-9a-f]{2}([:-])(?:[0-9a-f]{2}\1){4}[0-9a-f]{2}|(?:[0-9a-f]{4}\.){2}[0-9a-f]{4}|[0-9a-f]{12}", re.ASCII)
_ETHERTYPE = re.compile(r"0x[0-9a-f]{1,4}", re.ASCII | re.IGNORECASE)
# IFNAMSIZ (netdevice(7)) is 16, the final zero included.
_INTERFACE_NAME = re.compile(r"[^\s/]{1,15}")
_TARGET = re.compile(
    r"(?:ssl|tcp):(?P<host>[^\s:\[\]]+|\[\S+\])(?::(?P<port>\d+))?|(?:pssl|ptcp):(?P<listens>\d*)(?::(?P<at>\S+))?|p?unix:\S+", re.ASCII
)


# -- text and numbers -----------------------------------------------------------------------------------------------


def text(value: Any) -> str:
    """Any text that a database can store: OVSDB takes no NUL character, and nothing takes half of a surrogate pair."""
    if not isinstance(value, str):
        raise ValueError("expected text")
    if (not value.isascii() and _SURROGATE.search(value)) or "\0" in value:
        raise ValueError("expected text without NUL characters or lone surrogates")
    return value


def string(value: Any) -> str:
    """A key or value of a map of strings: text, a number as YAML writes it, or ``true`` and ``false``."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and math.isfinite(value):
        return repr(value)
    if not isinstance(value, str):
        raise ValueError("expected text, a number or a boolean")
    return text(value)


def written(parse: Parse) -> Parse:
    """A value of a map of strings, read by ``parse`` and kept as text."""
    return lambda value: str(parse(string(value)))


def name(value: Any) -> str:
    """Text that is not empty."""
    if not isinstance(value, str) or not value:
        raise ValueError("expected a name that is not empty")
    return text(value)


def interface_name(value: Any) -> str:
    """The name of a network device, as the kernel takes it: 1 to 15 characters without white space or ``/``."""
    if not isinstance(value, str) or not _INTERFACE_NAME.fullmatch(value):
        raise ValueError("expected 1 to 15 characters without white space or /")
    return value


@dataclass(frozen=True)
class Integer:
    """A whole number from ``low`` to ``high``, also where it is written as text."""

    low: int
    high: int

    def __call__(self, value: Any) -> int:
        try:
            number = int(value)
        except (TypeError, ValueError, OverflowError):
            number = self.low - 1
        if isinstance(value, (bool, float)) or not self.low <= number <= self.high:
            raise ValueError(f"expected a whole number from {self.low} to {self.high}")
        return number


@dataclass(frozen=True)
class Choice:
    """One of these words."""

    allowed: tuple[str, ...]

    def __call__(self, value: Any) -> str:
        if value not in self.allowed:
            raise ValueError(f"expected {' or '.join(self.allowed)}")
        return value


#: A VLAN of a port (vtep.5, Physical_Port, vlan_bindings); 0 stands for frames without a tag.
vlan = Integer(0, 4095)

#: A VXLAN network identifier: 24 bits (RFC 7348, section 5).
vni = Integer(0, 2**24 - 1)


def ethertype(value: Any) -> str:
    """Four hexadecimal digits after 0x (vtep.5, ACL_entry). A number would be ambiguous: 800, 2048 and 0800 have all been meant as 0x0800."""
    if not isinstance(value, str) or not _ETHERTYPE.fullmatch(value):
        raise ValueError('expected an Ethertype in hexadecimal and in quotes, such as "0x0800"')
    return f"0x{int(value, 16):04x}"


# -- MAC addresses --------------------------------------------------------------------------------------------------


def mac(value: Any) -> str:
    """Six octets, written ``00:1a:..``, ``00-1a-..``, ``001a.2b3c.4d5e`` or bare; the normal form has colons, lower case."""
    low = str(value).lower()
    if _COLON_MAC.fullmatch(low):
        return low
    if not _ANY_MAC.fullmatch(low):
        hint = "; a MAC made of digits alone needs quotes in YAML" if low.isdigit() else ""
        raise ValueError(f"expected a MAC address such as 00:11:22:aa:bb:cc{hint}")
    bare = re.sub(r"[:.-]", "", low)
    return ":".join(bare[i : i + 2] for i in range(0, 12, 2))


def unicast_mac(value: Any) -> str:
    """A MAC address whose group bit is 0 (IEEE 802)."""
    low = str(value).lower()
    if _UNICAST_MAC.fullmatch(low):
        return low
    normal = mac(value)
    if int(normal[1], 16) & 1:
        raise ValueError("expected a unicast MAC address; multicast and broadcast belong in vtep_mcast_remote or vtep_mcast_local")
    return normal


def multicast_mac(value: Any) -> str:
    """A MAC address whose group bit is 1, or ``unknown-dst``."""
    if value == UNKNOWN_DST:
        return UNKNOWN_DST
    try:
        normal = mac(value)
    except ValueError as error:
        raise ValueError(f"{error}, or {UNKNOWN_DST}") from None
    if not int(normal[1], 16) & 1:
        raise ValueError(f"expected {UNKNOWN_DST} or a multicast MAC address; unicast belongs in vtep_ucast_remote or vtep_ucast_local")
    return normal


def mac_spellings(value: str) -> list[str]:
    """How writers spell a MAC, our own way first: the database keeps it as text and vtep-ctl stores what it is given."""
    return list(dict.fromkeys((value, value.upper())))


# -- IP addresses ---------------------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def _address(value: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    return ipaddress.ip_address(value)


def version(value: str) -> int | None:
    """4 or 6, of an address; ``None`` of what is none."""
    try:
        return _address(value).version
    except ValueError:
        return None


def ip(value: Any) -> str:
    """An IPv4 or IPv6 address in its shortest form (RFC 5952)."""
    try:
        return str(_address(str(value)))
    except ValueError:
        raise ValueError("expected an IPv4 or IPv6 address, without a prefix length") from None


def optional_ip(value: Any) -> str:
    """An address, or nothing as empty text."""
    return "" if value == "" else ip(value)


def host_ip(value: Any) -> str:
    """The address of a host, also where its prefix length is written with it."""
    try:
        return str(ipaddress.ip_interface(str(value)).ip)
    except ValueError:
        raise ValueError("expected an IPv4 or IPv6 address") from None


def prefix(value: Any) -> str:
    """An address with its prefix length; the host's part is kept, since it may be the address of an interface."""
    try:
        if "/" not in str(value):
            raise ValueError
        return str(ipaddress.ip_interface(str(value)))
    except ValueError:
        raise ValueError("expected an IPv4 or IPv6 prefix such as 192.168.1.0/24") from None


def ipv4(value: Any) -> str:
    """An IPv4 address."""
    try:
        return str(ipaddress.IPv4Address(str(value)))
    except ValueError:
        raise ValueError("expected an IPv4 address") from None


def ipv4_interface(value: Any) -> ipaddress.IPv4Interface:
    """The IPv4 address of an interface with its prefix length."""
    try:
        if "/" not in str(value):
            raise ValueError
        return ipaddress.IPv4Interface(str(value))
    except ValueError:
        raise ValueError("expected an IPv4 address with its prefix length, such as 192.168.1.1/24") from None


def ipv4_network(value: Any) -> ipaddress.IPv4Network:
    """An IPv4 network: no bits are set behind its prefix."""
    try:
        return ipaddress.IPv4Network(str(value))
    except ValueError:
        raise ValueError("expected an IPv4 network such as 10.0.0.0/8, with no bits set behind the prefix") from None


def tunnel_ip(value: Any) -> str:
    """Where packets can be sent: a multicast or unspecified address is no VTEP (RFC 7348, section 4)."""
    normal = ip(value)
    if _address(normal).is_multicast or _address(normal).is_unspecified:
        raise ValueError("expected the unicast address of a VTEP")
    return normal


def tunnel_ipv4(value: Any) -> str:
    """The same, IPv4 only."""
    try:
        normal = ipv4(value)
    except ValueError as error:
        raise ValueError(f"{error}: the encapsulation is vxlan_over_ipv4") from None
    return tunnel_ip(normal)


# -- OVSDB ----------------------------------------------------------------------------------------------------------


def target(value: Any) -> str:
    """An OVSDB connection method (ovsdb.7); without a port it is 6640."""
    parts = _TARGET.fullmatch(str(value))
    good = parts is not None and int(parts["port"] or parts["listens"] or 0) < 2**16
    for host in (parts["host"], parts["at"]) if parts else ():
        # What looks like an address is one, as no name of a host is made of numbers alone (RFC 1123, section 2.1).
        if host and (host.startswith("[") or re.fullmatch(r"[\d.]+", host)):
            good = good and version(host.strip("[]")) is not None
    if not good:
        raise ValueError("expected a connection method such as ssl:192.0.2.1:6640 or ptcp:6640, with a port up to 65535")
    return text(str(value))


def tolerant(parse: Parse, value: Any) -> Any:
    """The normal form of what another writer stored, or the value itself where it has none."""
    try:
        return parse(value)
    except ValueError:
        return value


def worded(parse: Callable[[Any], T], words: str) -> Callable[[Any], T]:
    """The same function, whose ``ValueError`` has other words for what was expected."""

    def parse_in_words(value: Any) -> T:
        try:
            return parse(value)
        except ValueError:
            raise ValueError(words) from None

    return parse_in_words
