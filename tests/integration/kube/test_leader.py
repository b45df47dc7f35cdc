from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from signal import SIGCONT, SIGSTOP
from typing import Any

import pytest

from reconciler.adapters.kube.client import KubeClient
from reconciler.adapters.kube.leader import AlwaysLeader, LeaderElector, LeaseName, LeaseTimes, boottime
from tests.integration.kube.kit import WallClock, Wire
from tests.support.waiting import eventually, never

Elect = Callable[..., LeaderElector]
QUICK = LeaseTimes(lease_s=3.0, renew_s=2.0, retry_s=0.1)


@pytest.fixture
def elect(client: KubeClient, namespace: str) -> Iterator[Elect]:
    electors = []

    def elect(identity: str, via: KubeClient = client, times: LeaseTimes = QUICK, **more: Any) -> LeaderElector:
        elector = LeaderElector(via, LeaseName(namespace, "main"), identity, WallClock(), times=times, **more)
        electors.append(elector)
        elector.start()
        return elector

    yield elect
    for elector in electors:
        elector.stop()


def lease(client: KubeClient, namespace: str) -> dict[str, Any]:
    spec: dict[str, Any] = client.request("GET", f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/main")[
        "spec"
    ]
    return spec


def test_of_two_one_leads_and_goes_on_leading(elect: Elect, client: KubeClient, namespace: str) -> None:
    one, two = elect("one"), elect("two")
    eventually(lambda: one.is_leader() or two.is_leader())
    never(lambda: one.is_leader() and two.is_leader(), during=2.2)  # longer than one renewal lasts
    assert one.is_leader() or two.is_leader()
    held = lease(client, namespace)
    assert (held["holderIdentity"] == "one") is one.is_leader()
    assert (held["leaseDurationSeconds"], held["leaseTransitions"]) == (3, 0)


def test_a_graceful_stop_hands_over_at_once_and_after_the_work_ended(
    elect: Elect, client: KubeClient, namespace: str
) -> None:
    story: list[str] = []
    one = elect(
        "one",
        times=replace(QUICK, lease_s=600.0, renew_s=500.0),
        on_started=lambda: story.append("started"),
        on_stopped=lambda: story.append(f"stopped, held by {lease(client, namespace)['holderIdentity']}"),
    )
    eventually(one.is_leader)
    two = elect("two")
    never(two.is_leader, during=0.3)
    one.stop()
    assert not one.is_leader()
    eventually(two.is_leader)
    assert story == ["started", "stopped, held by one"]
    assert lease(client, namespace)["leaseTransitions"] == 1


def test_who_cannot_renew_steps_down_before_another_steps_up(elect: Elect, wire: Wire) -> None:
    story: list[str] = []
    one = elect("one", via=KubeClient(wire.kubeconfig), on_stopped=lambda: story.append("one stopped"))
    eventually(one.is_leader)
    two = elect("two", on_started=lambda: story.append(f"two started, one leads: {one.is_leader()}"))
    wire.cut()
    eventually(two.is_leader)
    assert story == ["one stopped", "two started, one leads: False"]
    wire.mend()
    never(one.is_leader, during=0.5)


def test_a_lost_reply_does_not_cost_the_lead(elect: Elect, wire: Wire) -> None:
    stopped: list[str] = []
    one = elect(
        "one",
        via=KubeClient(wire.kubeconfig),
        times=replace(QUICK, renew_s=2.9),
        on_stopped=lambda: stopped.append("stopped"),
    )
    eventually(one.is_leader)
    knocks = len(wire.knocks)
    wire.swallow_replies()
    eventually(lambda: len(wire.knocks) > knocks)
    wire.mend()
    never(lambda: not one.is_leader(), during=3.0)  # longer than the renewal before lasts
    assert stopped == []


def test_the_lead_ends_by_the_clock_without_the_electors_help(elect: Elect, client: KubeClient) -> None:
    slept = [0.0]
    one = elect("one", times=LeaseTimes(15.0, 10.0, 9.0, seconds=lambda: boottime() + slept[0]))
    eventually(one.is_leader)
    slept[0] = 10.0  # the machine was asleep; the elector's thread waits for its next renewal
    assert not one.is_leader()


def test_a_callback_that_fails_does_not_end_the_election(elect: Elect) -> None:
    def broken() -> None:
        raise ZeroDivisionError

    one = elect("one", on_started=broken)
    eventually(one.is_leader)
    never(lambda: not one.is_leader(), during=2.2)


def test_deadlines_that_would_let_two_lead_are_refused() -> None:
    with pytest.raises(ValueError, match="renew_s"):
        LeaseTimes(lease_s=10, renew_s=10)


def test_a_single_replica_always_leads() -> None:
    assert AlwaysLeader().is_leader()


CHILD = textwrap.dedent("""
    import sys
    from reconciler.adapters.kube.client import KubeClient
    from reconciler.adapters.kube.leader import LeaderElector, LeaseName, LeaseTimes
    from tests.integration.kube.kit import WallClock

    client = KubeClient(sys.argv[1])
    lease, times = LeaseName(sys.argv[2], "main"), LeaseTimes(lease_s=3.0, renew_s=2.0, retry_s=0.1)
    elector = LeaderElector(client, lease, "child", WallClock(), times=times)
    elector.start()
    for line in sys.stdin:
        print(elector.is_leader(), flush=True)
""")


def test_a_process_that_was_stopped_does_not_believe_that_it_leads(
    elect: Elect, kubeconfig: Path, namespace: str
) -> None:
    root = Path(__file__).parents[3]
    command = [sys.executable, "-c", CHILD, str(kubeconfig), namespace]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root) as child:
        assert child.stdin
        assert child.stdout
        asked, answers = child.stdin, child.stdout

        def ask() -> None:
            asked.write("do you lead?\n")
            asked.flush()

        def leads() -> bool:
            ask()
            return answers.readline() == "True\n"

        try:
            eventually(leads)
            child.send_signal(SIGSTOP)
            successor = elect("successor")
            eventually(successor.is_leader)
            ask()
            child.send_signal(SIGCONT)
            assert answers.readline() == "False\n"
            assert successor.is_leader()
        finally:
            child.kill()
