"""Name servers are read from what a resolver answers, over UDP, and damaged answers end in an error."""

import socket
import struct
import threading
from contextlib import contextmanager

import pytest

from cellar_infra.deploy.dns import DnsError, name_servers, question, system_resolvers


def record(name, kind, data):
    return name + struct.pack("!2HIH", kind, 1, 60, len(data)) + data


def answer(asked, records, rcode=0):
    head = asked[:2] + struct.pack("!5H", 0x8180 | rcode, 1, len(records), 0, 0)
    return head + asked[12:] + b"".join(records)


# The question's name begins at byte 12: example.com, of which `com` is at 20.
OWNER = b"\xc0\x0c"
SERVERS = [
    record(OWNER, 2, b"\x02NS\x01a\xc0\x14"),
    record(OWNER, 5, b"\x01x\x00"),
    record(OWNER, 2, b"\x04ns-2\x07awsdns2\x03org\x00"),
]


@contextmanager
def resolver(respond):
    """A resolver on a port of its own, which answers one question."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.bind(("127.0.0.1", 0))

        def serve():
            asked, client = line.recvfrom(512)
            for one in respond(asked):
                line.sendto(one, client)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield line.getsockname()
        thread.join(timeout=10)


def test_name_servers_are_read_also_where_names_refer_to_others():
    with resolver(lambda asked: [answer(asked, SERVERS)]) as address:
        assert name_servers("example.com.", [address]) == {"ns.a.com", "ns-2.awsdns2.org"}


def test_an_answer_to_another_question_is_passed_over():
    with resolver(lambda asked: [b"\0\0" if asked[:2] != b"\0\0" else b"\1\1", answer(asked, SERVERS)]) as address:
        assert len(name_servers("example.com", [address])) == 2


@pytest.mark.parametrize(("rcode", "text"), [(3, "NXDOMAIN"), (2, "SERVFAIL"), (9, "error 9")])
def test_a_refusal_is_told(rcode, text):
    with resolver(lambda asked: [answer(asked, [], rcode)]) as address, pytest.raises(DnsError, match=text):
        name_servers("example.com", [address])


def damaged():
    whole = answer(question("example.com", 7), SERVERS)
    yield from (whole[:length] for length in range(2, len(whole)))
    # A name that refers to itself.
    yield answer(question("example.com", 7), [record(b"\xc0\x1d", 2, b"\x00")])


def test_no_damage_ends_in_anything_but_an_error():
    for given in damaged():
        with resolver(lambda asked, given=given: [asked[:2] + given[2:]]) as address, pytest.raises(DnsError):
            name_servers("example.com", [address])


def test_the_next_resolver_is_asked_and_none_is_told(tmp_path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.bind(("127.0.0.1", 0))
        nobody = line.getsockname()
    with resolver(lambda asked: [answer(asked, SERVERS)]) as address:
        assert len(name_servers("example.com", [nobody, address])) == 2
    with pytest.raises(DnsError, match=r"names no resolver"):
        name_servers("example.com", [])
    path = tmp_path / "resolv.conf"
    path.write_text("# x\nnameserver 192.0.2.1\noptions edns0\nnameserver 2001:db8::1\nnameserver\n")
    assert system_resolvers(path) == [("192.0.2.1", 53), ("2001:db8::1", 53)]
    assert system_resolvers(tmp_path / "none") == []
