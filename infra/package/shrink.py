"""Writes a program into a zip of its own, as small as deflate allows: shrink.py PROGRAM ZIP.

zopfli looks for the shortest deflate stream instead of a short one; whatever unpacks zips unpacks it.
The zip depends on the program alone: no time of day, no user.
"""

import struct
import sys
import zlib
from pathlib import Path

from zopfli.zlib import compress

# PKWARE's APPNOTE 6.3.10: 4.3.7 local header, 4.3.12 central directory, 4.3.16 its end.
VERSION, UNIX, DEFLATED = 20, 3 << 8, 8
FIRST_OF_1980 = (1 << 5) | 1
EXECUTABLE = 0o100755 << 16


def zipped(name: bytes, program: bytes) -> bytes:
    # Without the two bytes before and the four after that make a zlib stream of a deflate stream.
    packed = compress(program, numiterations=5)[2:-4]
    entry = struct.pack(
        "<HHHHHIIIHH",
        VERSION,
        0,
        DEFLATED,
        0,
        FIRST_OF_1980,
        zlib.crc32(program),
        len(packed),
        len(program),
        len(name),
        0,
    )
    local = b"PK\3\4" + entry + name + packed
    central = b"PK\1\2" + struct.pack("<H", UNIX | VERSION) + entry
    central += struct.pack("<HHHII", 0, 0, 0, EXECUTABLE, 0) + name
    end = b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local), 0)
    return local + central + end


if __name__ == "__main__":
    program, package = map(Path, sys.argv[1:])
    package.write_bytes(zipped(program.name.encode(), program.read_bytes()))
