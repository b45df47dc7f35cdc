"""The rules of the audit: each is a function from the books to findings."""

from collections.abc import Callable, Iterable

from tests.walk.audit import jobs, traffic
from tests.walk.audit.books import Books
from tests.walk.audit.finding import Finding

RULES: tuple[Callable[[Books], Iterable[Finding]], ...] = (*jobs.RULES, *traffic.RULES)
