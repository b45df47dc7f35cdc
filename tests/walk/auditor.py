"""What does not add up in a record. Reads the record alone; imports nothing of the product. The rules are in `audit/`.

python -m tests.walk.auditor record.jsonl
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.walk.audit import RULES
from tests.walk.audit.books import Books
from tests.walk.audit.finding import Finding
from tests.walk.record import Record

__all__ = ["Finding", "audit"]


def audit(record: Record) -> list[Finding]:
    """Everything that any rule finds; what the recorder could not read is a finding too."""
    books = Books(record)
    found = [Finding("record", problem) for problem in record.problems]
    return [*found, *(finding for rule in RULES for finding in rule(books))]


def main(path: str) -> int:
    found = audit(Record.read(Path(path)))
    for finding in found:
        print(finding)
    print(f"findings: {len(found)}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
