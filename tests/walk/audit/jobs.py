"""Jobs: one line for one create, and no content runs twice."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from tests.walk.audit.books import OWNER, Books, about, digest, tags
from tests.walk.audit.finding import Finding
from tests.walk.record import Call, Name

_OPS = {
    "CreateTrainingJob": "TrainingJobName",
    "CreateProcessingJob": "ProcessingJobName",
    "CreateTransformJob": "TransformJobName",
}


def _created(books: Books) -> list[Call]:
    return [call for call in books.ours if call.op in _OPS and call.effect]


def told_once(books: Books) -> Iterator[Finding]:
    """Each job that was made has one JobStarted line, and each such line made one job."""
    made = Counter((books.namespace(call), call.key) for call in _created(books))
    told = Counter((about(line).namespace, str(line.said.get("job"))) for line in books.of("JobStarted"))
    for job in sorted(made | told):
        if (made[job], told[job]) != (1, 1):
            yield Finding("job-lines", f"{job[0]} {job[1]}: {made[job]} creates, {told[job]} JobStarted lines")


def no_content_twice(books: Books) -> Iterator[Finding]:
    """What ran for an object (all of the request but name and tags) runs again for another run token only."""
    ran: dict[tuple[Name, str], list[Call]] = defaultdict(list)
    for call in _created(books):
        if (owner := books.owner.get(call.key)) is None:
            yield Finding("job-owner", f"{call.key} was made without the tag {OWNER}: {tags(call.input)}", call.at)
            continue
        ran[owner, digest(call.input, _OPS[call.op], "Tags")].append(call)
    for (owner, content), calls in ran.items():
        tokens = books.annotations(owner, "run")
        if len(calls) > 1 + len(tokens):
            jobs = ", ".join(call.key for call in calls)
            yield Finding(
                "job-twice",
                f"{owner} content {content} ran {len(calls)} times with {len(tokens)} run tokens: {jobs}",
                calls[-1].at,
            )


def finished_once(books: Books) -> Iterator[Finding]:
    """A job ends once, and only one that was made here."""
    made = {(books.namespace(call), call.key) for call in _created(books)}
    told = Counter((about(line).namespace, str(line.said.get("job"))) for line in books.of("JobFinished"))
    for job, times in sorted(told.items()):
        if times > 1 or job not in made:
            yield Finding(
                "job-ends",
                f"{job[0]} {job[1]}: {times} JobFinished lines, {'made' if job in made else 'not made'} here",
            )


RULES = (told_once, no_content_twice, finished_once)
