"""What a proxy does to requests: the faults that DynamoDB's documents name, drawn at random by a seed."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass

CODES = {
    "throttle": (400, "ProvisionedThroughputExceededException"),
    "limit": (400, "ThrottlingException"),
    "error": (500, "InternalServerError"),
    "busy": (503, "ServiceUnavailable"),
    "expire": (400, "ExpiredIteratorException"),
    "trim": (400, "TrimmedDataAccessException"),
}
# Faults that a stream's reader meets and a table's does not.
OF_ITERATORS = ("expire", "trim")
# Done in the proxy, without a code.
OTHERS = ("close", "lose", "delay", "partial")


@dataclass(frozen=True)
class Faults:
    """Shares of requests, by fault: `throttle=0.1,close=0.05`. Those of an operation alone: `Query.error=0.2`."""

    shares: dict[str, float]

    @classmethod
    def read(cls, text: str) -> Faults:
        shares = {}
        for one in filter(None, text.split(",")):
            name, _, share = one.partition("=")
            fault = name.rpartition(".")[2]
            if fault not in (*CODES, *OTHERS) or not 0 <= float(share or "2") <= 1:
                raise ValueError(f"{one!r}; allowed: FAULT=SHARE of {', '.join((*CODES, *OTHERS))}, from 0 to 1")
            shares[name] = float(share)
        return cls(shares)


class Dice:
    """Draws at most one fault for a request. Two threads draw in turn, so a seed gives the same run only to one client."""

    def __init__(self, faults: Faults, seed: int) -> None:
        self._faults, self._random, self._lock = faults, random.Random(seed), threading.Lock()  # noqa: S311

    def draw(self, operation: str) -> str | None:
        with self._lock:
            drawn = self._random.random()
        for name, share in self._faults.shares.items():
            only, _, fault = name.rpartition(".")
            if only and only != operation:
                continue
            if fault in OF_ITERATORS and operation != "GetRecords":
                continue
            if fault == "partial" and operation != "BatchWriteItem":
                continue
            if drawn < share:
                return fault
            drawn -= share
        return None
