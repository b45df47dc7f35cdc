"""What a check is, and the register of all of them in the order they run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from reconciler.dev.conformance.account import Account

Act = Callable[[Account], None]
"""Raises AssertionError where the account is not as the rows say."""


@dataclass(frozen=True, kw_only=True)
class BeliefCheck:
    rows: tuple[str, ...]
    family: str
    title: str
    """What holds, in a sentence."""
    act: Act
    makes: tuple[str, ...]
    """What it makes in the account, in words; empty: it only asks, or is refused."""
    cost_usd: float
    """At most: every job and endpoint for the hour after which it is stopped, at prices of 0.15 USD an instance hour."""

    @property
    def name(self) -> str:
        return f"{self.family}.{self.act.__name__}"


CHECKS: list[BeliefCheck] = []


def check(*rows: str, makes: tuple[str, ...] = (), cost_usd: float = 0.0) -> Callable[[Act], Act]:
    """Register a function whose docstring is the sentence."""

    def register(act: Act) -> Act:
        family = act.__module__.rpartition(".")[2]
        title = (act.__doc__ or "").strip().splitlines()[0]
        CHECKS.append(BeliefCheck(rows=rows, family=family, title=title, act=act, makes=makes, cost_usd=cost_usd))
        return act

    return register
