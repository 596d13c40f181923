"""What is asked of the kernel about network devices, in the calling process's network namespace.

Source: rtnetlink(7). Each call raises ``OSError`` when the kernel refuses.
"""

from __future__ import annotations

import errno
import os
import socket
import struct

_NLM_F_REQUEST, _NLM_F_ACK, _NLM_F_EXCL, _NLM_F_CREATE = 1, 4, 0x200, 0x400
_RTM_NEWLINK, _RTM_NEWADDR, _NLMSG_ERROR = 16, 20, 2
_IFLA_IFNAME, _IFLA_LINKINFO, _IFLA_INFO_KIND, _IFLA_INFO_DATA, _VETH_INFO_PEER = 3, 18, 1, 2, 1
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_IFF_UP = 1


def add_pair(name: str, peer: str) -> None:
    """Make a pair of devices, both here: what goes into one comes out of the other."""
    other = _attribute(_VETH_INFO_PEER, _link() + _attribute(_IFLA_IFNAME, peer.encode() + b"\0"))
    kind = _attribute(_IFLA_INFO_KIND, b"veth") + _attribute(_IFLA_INFO_DATA, other)
    new = _link() + _attribute(_IFLA_IFNAME, name.encode() + b"\0") + _attribute(_IFLA_LINKINFO, kind)
    _request(_RTM_NEWLINK, _NLM_F_CREATE | _NLM_F_EXCL, new)


def switch_on(name: str) -> None:
    """Bring a device up."""
    _request(_RTM_NEWLINK, 0, _link(socket.if_nametoindex(name), _IFF_UP))


def add_address(name: str, address: str, prefix: int) -> None:
    """Give a device an IPv4 address; one that it has already is no error."""
    packed = socket.inet_aton(address)
    body = struct.pack("=BBBBI", socket.AF_INET, prefix, 0, 0, socket.if_nametoindex(name))
    body += _attribute(_IFA_LOCAL, packed) + _attribute(_IFA_ADDRESS, packed)
    try:
        _request(_RTM_NEWADDR, _NLM_F_CREATE | _NLM_F_EXCL, body)
    except OSError as error:
        if error.errno != errno.EEXIST:
            raise


def _link(index: int = 0, flags: int = 0) -> bytes:
    return struct.pack("=BxHiII", socket.AF_UNSPEC, 0, index, flags, flags)


def _attribute(kind: int, data: bytes) -> bytes:
    return struct.pack("=HH", len(data) + 4, kind) + data + b"\0" * (-len(data) % 4)


def _request(kind: int, flags: int, body: bytes) -> None:
    flags |= _NLM_F_REQUEST | _NLM_F_ACK
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as netlink:
        netlink.send(struct.pack("=IHHII", len(body) + 16, kind, flags, 1, 0) + body)
        _, answer, _, _, _, error = struct.unpack("=IHHIIi", netlink.recv(1 << 16)[:20])
    if answer == _NLMSG_ERROR and error:
        raise OSError(-error, os.strerror(-error))
