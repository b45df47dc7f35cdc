"""The hint that a local repository has moved."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.adapters.files import LocalRefWatcher
from tests.support.git_repository import BareRepository
from tests.support.waiting import eventually, never


@pytest.fixture
def watcher() -> Iterator[LocalRefWatcher]:
    watcher = LocalRefWatcher()
    yield watcher
    watcher.stop()


@pytest.mark.holds("D-19.3")
def test_a_push_is_one_hint(watcher: LocalRefWatcher, bare_repository: BareRepository) -> None:
    woken: list[int] = []
    watcher.follow("a", bare_repository.url, lambda: woken.append(1))

    for number in range(5):
        bare_repository.commit({"a": str(number)})
    eventually(lambda: woken)

    assert len(woken) <= 5
    seen = len(woken)
    bare_repository.git("pack-refs", "--all")
    eventually(lambda: len(woken) > seen)


def test_reading_is_no_hint(watcher: LocalRefWatcher, bare_repository: BareRepository) -> None:
    bare_repository.commit({"a": "1"})
    woken: list[int] = []
    watcher.follow("a", bare_repository.url, lambda: woken.append(1))

    subprocess.run(["git", "ls-remote", bare_repository.url], check=True, capture_output=True)

    never(lambda: woken, during=0.3)


def test_two_syncs_of_one_repository_do_not_lose_each_other(
    watcher: LocalRefWatcher, bare_repository: BareRepository
) -> None:
    first, second = threading.Event(), threading.Event()
    watcher.follow("first", bare_repository.url, first.set)
    watcher.follow("second", bare_repository.url, second.set)
    watcher.unfollow("first")

    bare_repository.commit({"a": "1"})

    eventually(second.is_set)
    assert not first.is_set()


@pytest.mark.parametrize("url", ["https://example.com/x.git", "file:///does/not/exist", "git@example.com:x.git"])
def test_what_is_not_here_is_not_followed(watcher: LocalRefWatcher, url: str) -> None:
    watcher.follow("a", url, lambda: None)
    watcher.unfollow("a")


def test_a_url_that_changed_is_followed_instead(
    watcher: LocalRefWatcher, bare_repository: BareRepository, tmp_path: Path
) -> None:
    other = BareRepository(tmp_path / "other.git")
    woken = threading.Event()
    watcher.follow("a", other.url, woken.set)
    watcher.follow("a", bare_repository.url, woken.set)

    bare_repository.commit({"a": "1"})

    eventually(woken.is_set)
