"""Stands in for Route 53 and for CloudFront's origin group: one address for each place that users are near to.

nginx asks the nearest region, and the next one within the same request if a read fails there (`origin` and `spare`). A checker takes a region
out after three failures in a row, as Route 53 does; its interval is shorter here. Writes are tried once, in the nearest region that is in.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

from cellar_infra.local.processes import Program, free_port, listens, until
from cellar_infra.local.region import Region

THRESHOLD = 3

CONFIG = """\
{user}daemon off;
worker_processes 1;
error_log {folder}/error.log error;
pid {folder}/nginx.pid;
events {{ worker_connections 2048; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    map $request_method $kind {{ GET read; HEAD read; default write; }}
{places}}}
"""

PLACE = """\
    upstream read_{name} {{ {reads} keepalive 64; }}
    upstream write_{name} {{ {writes} keepalive 16; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://${{kind}}_{name};
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_connect_timeout {timeout_s}s;
            proxy_read_timeout {timeout_s}s;
            proxy_next_upstream error timeout http_500 http_502 http_503 http_504;
            add_header x-front {name} always;
        }}
    }}
"""


class Front:
    """Names in front of regions, and who checks them."""

    def __init__(self, regions: list[Region], folder: Path, interval_s: float, timeout_s: int) -> None:
        self.timeout_s = timeout_s
        self.regions, self.folder, self.interval_s = regions, folder / "front", interval_s
        self.folder.mkdir(parents=True)
        self.ports = {region.name: free_port() for region in regions}
        self.out: set[str] = set()
        self.events: list[tuple[float, str]] = []
        self.nginx = Program(
            ["nginx", "-e", str(self.folder / "error.log"), "-c", str(self.folder / "nginx.conf")], self.folder / "log"
        )
        self.stopped = threading.Event()
        self.checkers = [threading.Thread(target=self._check, args=(region,), daemon=True) for region in regions]
        self.lock = threading.Lock()

    def start(self) -> None:
        self._configure()
        self.nginx.start()
        until("nginx", lambda: all(map(listens, self.ports.values())))
        for checker in self.checkers:
            checker.start()

    def stop(self) -> None:
        self.stopped.set()
        for checker in self.checkers:
            checker.join(timeout=30)
        self.nginx.stop()

    def order(self, nearest: Region) -> list[Region]:
        """The nearest that is in, then the others that are. All of them if none is: Route 53 then takes all for healthy."""
        start = self.regions.index(nearest)
        ring = self.regions[start:] + self.regions[:start]
        return [region for region in ring if region.name not in self.out] or ring

    def _configure(self) -> None:
        places = []
        for region in self.regions:
            order = self.order(region)
            servers = [
                f"server 127.0.0.1:{one.port} max_fails=0{' backup' if number else ''};"
                for number, one in enumerate(order[:2])
            ]
            name = region.name.replace("-", "_")
            places.append(
                PLACE.format(
                    name=name,
                    timeout_s=self.timeout_s,
                    port=self.ports[region.name],
                    reads=" ".join(servers),
                    writes=servers[0],
                )
            )
        (self.folder / "nginx.conf").write_text(
            CONFIG.format(user="user root; " if os.geteuid() == 0 else "", folder=self.folder, places="".join(places))
        )

    def _check(self, region: Region) -> None:
        failures = successes = 0
        while not self.stopped.wait(self.interval_s):
            well = region.status("/health", timeout_s=max(self.interval_s, 1)) == 200
            failures, successes = (0, successes + 1) if well else (failures + 1, 0)
            if failures == THRESHOLD:
                self._turn(region, out=True)
            elif successes == THRESHOLD and region.name in self.out:
                self._turn(region, out=False)

    def _turn(self, region: Region, *, out: bool) -> None:
        with self.lock:
            (self.out.add if out else self.out.discard)(region.name)
            self.events.append((time.monotonic(), f"{region.name} {'out' if out else 'in'}"))
        self.lead()

    def lead(self) -> None:
        """Leads to where regions are, from now on."""
        with self.lock:
            self._configure()
            self.nginx.signal(signal.SIGHUP)
