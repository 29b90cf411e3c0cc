"""Which tests run against which engine, and where an engine deviates from DynamoDB. docs/CONFORMANCE.md shows both."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Suite:
    """Tests of one crate that use the table of CELLAR_TEST_DYNAMODB_ENDPOINT, by their modules."""

    package: str
    modules: tuple[str, ...]
    # Whether they read the table's stream.
    streams: bool = False


STORE = Suite("cellar-store", ("contract", "conditional", "categories", "deletion", "roots"))
CHANGES = Suite("cellar-changes", ("feed", "restart", "role"), streams=True)
JOBS = Suite("cellar-jobs", ("restore",))


@dataclass(frozen=True)
class Plan:
    """One run: an engine, what the proxy does, and the tests."""

    engine: str
    suites: tuple[Suite, ...] = (STORE, CHANGES, JOBS)
    faults: str = ""
    shards: bool = False
    # Tests that fail because the engine is not as DynamoDB documents it: the test's name and how.
    deviates: dict[str, str] = field(default_factory=dict)
    # Tests that are not run, with the reason.
    left_out: dict[str, str] = field(default_factory=dict)


PLANS = [
    Plan("dynamodb-local"),
    Plan("ministack"),
    Plan("moto"),
    Plan("dynalite"),
]
