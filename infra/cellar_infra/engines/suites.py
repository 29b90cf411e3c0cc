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
    # Run only if its engine is asked for by name.
    by_name: bool = False
    # Tests that are not run, with the reason.
    left_out: dict[str, str] = field(default_factory=dict)


# What DynamoDB may do to a table's users. More than a tenth would use up the budget of retries, and calls would rightly fail.
PASSING = "throttle=0.02,limit=0.01,error=0.01,busy=0.005,close=0.01,delay=0.03,partial=0.3"
UNITS = "read units are not those that DynamoDB bills: half a unit for each 4 KB that a Query reads in all"
NOT_ATOMIC = "a condition is checked and the item written in two steps: of two writers at once both may succeed"

PLANS = [
    # Its licence is AWS's own: nobody gets it by running the tests of this project.
    Plan("dynamodb-local", by_name=True),
    Plan("dynamodb-local", suites=(STORE, JOBS), faults=PASSING, by_name=True),
    Plan("dynamodb-local", suites=(CHANGES,), shards=True, by_name=True),
    Plan("ministack", deviates={"contract::costs_are_counted": UNITS}),
    Plan("ministack", suites=(CHANGES,), shards=True),
    Plan(
        "moto",
        # Its stream has empty images where there are none, knows nothing of UpdateItem, and cannot be read on behind a record.
        suites=(STORE, JOBS),
        deviates={
            "contract::costs_are_counted": UNITS,
            "contract::a_query_ends_at_a_megabyte_and_a_range_does_not": "pages of a Query end at another size",
        },
        left_out={"::of_many": NOT_ATOMIC, "::of_two": NOT_ATOMIC},
    ),
    Plan("dynalite"),
    Plan("dynalite", faults=PASSING),
]
