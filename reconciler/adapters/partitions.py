"""Which region is in which partition, by botocore's own data: its pattern knows regions that are not opened yet."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from botocore.loaders import Loader

from reconciler.core.aws.partitions import Partition, Partitions


def load_partitions(loader: Loader | None = None) -> Partitions:
    """Give the session's loader where there is one. A region that no pattern knows counts as one of the first partition, as botocore itself takes it."""
    known = [
        (_regions(entry), _partition(entry)) for entry in (loader or Loader()).load_data("partitions")["partitions"]
    ]

    @lru_cache(maxsize=256)  # regions come from manifests
    def partition_of(region: str) -> Partition:
        return next((partition for regions, partition in known if regions.fullmatch(region)), known[0][1])

    return partition_of


def load_regions(loader: Loader | None = None) -> frozenset[str]:
    """Every region that botocore names, of all partitions."""
    entries = (loader or Loader()).load_data("partitions")["partitions"]
    return frozenset(name for entry in entries for name in entry["regions"] if not name.endswith("-global"))


def _regions(entry: Mapping[str, Any]) -> re.Pattern[str]:
    named = "|".join(map(re.escape, entry["regions"]))
    return re.compile(f"(?:{entry['regionRegex']})|{named}" if named else entry["regionRegex"])


def _partition(entry: Mapping[str, Any]) -> Partition:
    outputs = entry["outputs"]
    suffixes = (outputs["dnsSuffix"], outputs.get("dualStackDnsSuffix"))
    return Partition(entry["id"], tuple(suffix for suffix in suffixes if suffix))
