"""The rules of the audit: each is a function from the books to findings."""

from collections.abc import Callable, Iterable

from tests.walk.audit import churn, deletions, jobs, notes, quarantine, rest, scaling, tagging, traffic
from tests.walk.audit.books import Books
from tests.walk.audit.finding import Finding

RULES: tuple[Callable[[Books], Iterable[Finding]], ...] = tuple(
    rule
    for module in (jobs, traffic, quarantine, deletions, tagging, scaling, notes, churn, rest)
    for rule in module.RULES
)
