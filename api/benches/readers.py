#!/usr/bin/env python3
"""Rates of `cellar import` beside DuckDB and ogr2ogr, which read the same files; and its rate while a store grows.

    python3 api/benches/readers.py read  --cellar target/release/cellar [--rows 2000000]
    python3 api/benches/readers.py grow  --cellar target/release/cellar [--parts 10] [--whole]

`read` makes files of generated places and has each program read them: cellar as `import --dry-run`, which recognises,
parses and checks every record and stores none; DuckDB as a sum over coordinates and lengths of names; ogr2ogr into a
file that is thrown away. Each program runs three times; the fastest counts. `grow` imports a million places at a time
into one store, and tells the rate of each, also by the time of the CPU, the peak of the memory, and the size of the store;
with --whole it then checks all of them as one file.

A debug build says nothing about rates. DuckDB is the package `duckdb` of PyPI; what is not installed is left out.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

CATEGORIES = ("cafe", "bar", "bakery", "museum", "pharmacy", "supermarket", "hotel", "school")
RUNS = 3


def places(first: int, count: int) -> Iterator[tuple[str, float, float, str, str, int]]:
    """Generated places: id, latitude, longitude, name, category, population."""
    rng = random.Random(first)
    for n in range(first, first + count):
        lat, lon = round(rng.uniform(-60, 70), 6), round(rng.uniform(-180, 180), 6)
        yield f"p-{n}", lat, lon, f"Place no. {n}", rng.choice(CATEGORIES), rng.randrange(10_000)


def write_csv(path: Path, first: int, count: int) -> None:
    with path.open("w", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(("id", "lat", "lon", "name", "category", "population"))
        rows.writerows(places(first, count))


def write_ndjson(path: Path, count: int) -> None:
    with path.open("w") as out:
        for id_, lat, lon, name, category, population in places(0, count):
            properties = {"name": name, "category": category, "population": population}
            geometry = {"type": "Point", "coordinates": [lon, lat]}
            feature = {"type": "Feature", "id": id_, "geometry": geometry, "properties": properties}
            out.write(json.dumps(feature) + "\n")


def seconds(run: Callable[[], object]) -> float:
    """The fastest of a few runs."""
    times = []
    for _ in range(RUNS):
        began = time.perf_counter()
        run()
        times.append(time.perf_counter() - began)
    return min(times)


def call(*command: str | Path) -> str:
    ended = subprocess.run([str(part) for part in command], check=False, capture_output=True, text=True)
    if ended.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\n{ended.stderr}")
    return ended.stdout


def read(arguments: argparse.Namespace) -> None:
    try:
        import duckdb
    except ImportError:
        duckdb = None
    ogr2ogr = shutil.which("ogr2ogr")
    with tempfile.TemporaryDirectory() as directory:
        work = Path(directory)
        files = {"csv": work / "places.csv", "ndjson": work / "places.geojsonl"}
        write_csv(files["csv"], 0, arguments.rows)
        write_ndjson(files["ndjson"], arguments.rows)
        call("gzip", "-k", files["csv"])
        files["csv.gz"] = work / "places.csv.gz"
        if duckdb:
            files["parquet"] = work / "places.parquet"
            duckdb.sql(f"COPY (FROM read_csv('{files['csv']}')) TO '{files['parquet']}' (FORMAT parquet, COMPRESSION zstd)")
        print(f"{arguments.rows:,} places; thousand rows per second, and MB/s of the file as it is stored\n")
        print("| file | MB | cellar import --dry-run | DuckDB | ogr2ogr |\n|---|---|---|---|---|")
        for kind, path in files.items():
            megabytes = path.stat().st_size / 1e6

            def told(took: float | None) -> str:
                return f"{arguments.rows / took / 1e3:,.0f} k/s, {megabytes / took:,.0f} MB/s" if took else "—"

            ours = seconds(lambda: call(arguments.cellar, "import", path, "--collection", "places", "--dry-run",
                                        "--data", work / "data"))
            theirs = seconds(lambda: duckdb_reads(duckdb, kind, path)) if duckdb else None
            readable = ogr2ogr and kind in ("csv", "ndjson")
            gdal = seconds(lambda: ogr_reads(ogr2ogr, kind, path, work / "out.geojsonl")) if readable else None
            print(f"| {kind} | {megabytes:,.0f} | {told(ours)} | {told(theirs)} | {told(gdal)} |", flush=True)


def duckdb_reads(duckdb: object, kind: str, path: Path) -> None:
    connection = duckdb.connect()
    connection.execute("SET threads = 1")
    if kind == "ndjson":
        columns = ("geometry.coordinates[1]", "geometry.coordinates[2]", "properties.name", "properties.category")
        types = {
            "id": "VARCHAR",
            "geometry": "STRUCT(type VARCHAR, coordinates DOUBLE[])",
            "properties": "STRUCT(name VARCHAR, category VARCHAR, population BIGINT)",
        }
        source = f"read_json('{path}', format = 'newline_delimited', columns = {types})"
    else:
        columns = ("lat", "lon", "name", "category")
        source = f"read_parquet('{path}')" if kind == "parquet" else f"read_csv('{path}')"
    x, y, name, category = columns
    connection.execute(f"SELECT sum({x}), sum({y}), sum(length({name})), count(DISTINCT {category}), count(DISTINCT id) "
                       f"FROM {source}").fetchall()


def ogr_reads(ogr2ogr: str, kind: str, path: Path, out: Path) -> None:
    out.unlink(missing_ok=True)
    options = ["-oo", "X_POSSIBLE_NAMES=lon", "-oo", "Y_POSSIBLE_NAMES=lat"] if kind == "csv" else []
    call(ogr2ogr, "-f", "GeoJSONSeq", out, path, *options)


def grow(arguments: argparse.Namespace) -> None:
    parts, each = arguments.parts, arguments.each
    with tempfile.TemporaryDirectory(dir=arguments.directory) as directory:
        work = Path(directory)
        print(f"| places in the store | rows/s of the next {each:,} | rows per second of CPU | peak MB | store MB |\n"
              "|---|---|---|---|---|")
        for part in range(parts):
            path = work / "part.csv"
            write_csv(path, part * each, each)
            before = cpu_seconds()
            summary = json.loads(call(arguments.cellar, "import", path, "--collection", "places", "--json",
                                      "--data", work / "data"))
            if summary["stored"] != each:
                sys.exit(f"stored {summary['stored']} of {each:,}")
            size = sum(file.stat().st_size for file in (work / "data").rglob("*") if file.is_file()) / 1e6
            rate, busy, peak = summary["rows_per_second"], each / (cpu_seconds() - before), peak_megabytes()
            print(f"| {part * each:,} | {rate:,.0f} | {busy:,.0f} | {peak:,.0f} | {size:,.0f} |", flush=True)
        if arguments.whole:
            path = work / "whole.csv"
            write_csv(path, 0, parts * each)
            call(arguments.cellar, "import", path, "--collection", "places", "--dry-run", "--data", work / "data")
            print(f"\n{parts * each:,} places of one file, checked: peak of {peak_megabytes():,.0f} MB")


def peak_megabytes() -> float:
    """The most that any process which has ended kept in memory."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e3


def cpu_seconds() -> float:
    """What all processes which have ended computed for, which depends less than their duration on what else runs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    for name, run in (("read", read), ("grow", grow)):
        command = commands.add_parser(name)
        command.add_argument("--cellar", type=Path, required=True, help="a release build")
        command.set_defaults(run=run)
        if run is read:
            command.add_argument("--rows", type=int, default=2_000_000)
        else:
            command.add_argument("--parts", type=int, default=10)
            command.add_argument("--each", type=int, default=1_000_000, help="places of a part")
            command.add_argument("--directory", type=Path, help="where the store is made")
            command.add_argument("--whole", action="store_true", help="then check all of them as one file")
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
