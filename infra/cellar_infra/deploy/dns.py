"""Who the name servers of a zone are, by the resolver of this machine (RFC 1035). Deploying needs Python and the AWS CLI, nothing else."""

from __future__ import annotations

import secrets
import socket
import struct
from pathlib import Path

NS, INTERNET, PORT = 2, 1, 53
WAIT_S = 5
# An answer over UDP without extensions has no more.
MOST_BYTES = 512
MOST_JUMPS = 64
RCODES = {
    1: "a malformed question",
    2: "a failure of the servers (SERVFAIL)",
    3: "no such name (NXDOMAIN)",
    5: "a refusal",
}


class DnsError(Exception):
    """The question has no answer; why."""


def name_servers(name: str, resolvers: list[tuple[str, int]] | None = None) -> set[str]:
    """The name servers of a zone, in small letters and without the last dot."""
    asked = system_resolvers() if resolvers is None else resolvers
    if not asked:
        raise DnsError("/etc/resolv.conf names no resolver")
    told = ""
    for address in asked:
        try:
            return parse(_ask(name, address))
        except (OSError, struct.error, IndexError) as error:
            told = f"{address[0]}: {error or 'a damaged answer'}"
    raise DnsError(f"no resolver answers ({told})")


def system_resolvers(path: Path = Path("/etc/resolv.conf")) -> list[tuple[str, int]]:
    """The addresses in the resolver's file; none if it is not there."""
    lines = path.read_text(errors="replace").splitlines() if path.is_file() else []
    words = [line.split() for line in lines]
    return [(word[1], PORT) for word in words if len(word) > 1 and word[0] == "nameserver"]


def question(name: str, identity: int) -> bytes:
    """A question for name servers that a resolver is to follow up."""
    labels = b"".join(bytes([len(label)]) + label.encode("ascii") for label in name.rstrip(".").split("."))
    return struct.pack("!6H", identity, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", NS, INTERNET)


def _ask(name: str, address: tuple[str, int]) -> bytes:
    identity = secrets.randbelow(1 << 16)
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as line:
        line.settimeout(WAIT_S)
        line.connect(address)
        line.send(question(name, identity))
        while True:
            answer = line.recv(MOST_BYTES)
            if answer[:2] == struct.pack("!H", identity):
                return answer


def parse(answer: bytes) -> set[str]:
    """The name servers in an answer."""
    _, flags, questions, answers, _, _ = struct.unpack_from("!6H", answer)
    if flags & 0xF:
        raise DnsError(RCODES.get(flags & 0xF, f"error {flags & 0xF}"))
    at = 12
    for _ in range(questions):
        at = read_name(answer, at)[1] + 4
    found = set()
    for _ in range(answers):
        at = read_name(answer, at)[1]
        kind, _, _, length = struct.unpack_from("!2HIH", answer, at)
        at += 10
        if kind == NS:
            found.add(read_name(answer, at)[0])
        at += length
    return found


def read_name(answer: bytes, at: int) -> tuple[str, int]:
    """A name, and where what follows it begins. Names refer to others before them."""
    labels, end = [], None
    for _ in range(MOST_JUMPS):
        length = answer[at]
        if length & 0xC0 == 0xC0:
            end = at + 2 if end is None else end
            at = struct.unpack_from("!H", answer, at)[0] & 0x3FFF
        elif length:
            labels.append(answer[at + 1 : at + 1 + length].decode("ascii", "replace").lower())
            at += 1 + length
        else:
            return ".".join(labels), at + 1 if end is None else end
    raise IndexError("a name without end")
