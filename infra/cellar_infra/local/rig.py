"""Regions, their replication, and what stands in front of them."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path
from types import TracebackType

from cellar_infra.local.front import Front
from cellar_infra.local.region import Region
from cellar_infra.local.replicate import Replicator
from cellar_infra.local.table import DynamoTable

COLLECTION = "drill"


class Rig:
    """Starts everything, and ends it, whatever happens in between."""

    def __init__(
        self,
        names: list[str],
        cellar: str,
        *,
        check_interval_s: float = 1.0,
        timeout_s: int = 2,
        pause_s: float = 0.1,
        apart: bool = False,
    ) -> None:
        """`apart` makes each table a process of its own."""
        self._folder = tempfile.TemporaryDirectory(prefix="cellar-rig.")
        folder = Path(self._folder.name)
        self.regions = [Region(name, folder, cellar, apart=apart) for name in names]
        self.front = Front(self.regions, folder, check_interval_s, timeout_s)
        self.replicator = Replicator([DynamoTable(r.name, lambda r=r: r.endpoint) for r in self.regions])  # type: ignore[misc]
        self.troubles: list[str] = []
        self._thread = threading.Thread(target=self.replicator.run, args=(pause_s, self._failed), daemon=True)

    def __enter__(self) -> Rig:
        try:
            for region in self.regions:
                region.start()
            self.regions[0].put(f"/v1/collections/{COLLECTION}", {})
            self._thread.start()
            self.front.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self.replicator.stopped.set()
        if self._thread.is_alive():
            self._thread.join(timeout=30)
        self.front.stop()
        for region in self.regions:
            region.stop()
        self._folder.cleanup()

    def url(self, name: str) -> str:
        """Where users near a region go."""
        return f"http://127.0.0.1:{self.front.ports[name]}"

    def fail(self, region: Region, how: str) -> None:
        """Makes a region fail; `partition` cuts its replication, and nothing else."""
        if how == "partition":
            self.replicator.cut.add(region.name)
        else:
            region.fail(how)
            self.front.lead()

    def recover(self, region: Region, how: str) -> None:
        """Ends what `fail` began."""
        if how == "partition":
            self.replicator.cut.discard(region.name)
        else:
            region.recover(how)
            self.front.lead()

    def _failed(self, name: str, error: Exception) -> None:
        self.troubles.append(f"{name}: {error}")
