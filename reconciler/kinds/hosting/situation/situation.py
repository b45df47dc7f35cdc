"""The one input of every rule (`rules`): what status remembers, what was seen, what is wanted, and what follows from these
before anything is decided (`conclusions`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Self

from reconciler.core.decision import Notice
from reconciler.core.drift.edits import Author
from reconciler.core.errors import TerminalError
from reconciler.core.kind import Pass
from reconciler.core.ownership import Owner
from reconciler.core.records.history import HistoryEntry
from reconciler.core.records.quarantine import QuarantineEntry
from reconciler.core.records.remote_object import EndpointRecord
from reconciler.core.records.rollout import Attempt
from reconciler.core.records.source import SourceRecord
from reconciler.core.rollout import LiveEndpoint, Outcome
from reconciler.core.values import Json
from reconciler.kinds.hosting.desired import DesiredHosting, RollbackRequest, desired_by_git
from reconciler.kinds.hosting.drift import HostingDrift
from reconciler.kinds.hosting.observed.endpoint import REBALANCE, HostingObserved
from reconciler.kinds.hosting.records import HostingRecords, commit_of

__all__ = ["Situation"]


@dataclass(frozen=True)
class Situation:
    this: Pass
    seen: HostingObserved
    name: str
    """The endpoint's."""
    records: HostingRecords
    """As they are to be written, as far as it is known by now."""
    want: DesiredHosting
    """Git's content, or what a hold puts in its place."""
    notices: tuple[Notice, ...] = ()
    released: tuple[QuarantineEntry, ...] = ()
    """Content that `retry` let out of quarantine in this pass."""
    identity_change: str = ""
    """Why the spec asks for another endpoint than the one that exists."""
    outcome: Outcome | None = None
    """Of the attempt that is still open: UNDER_WAY, UNCONFIRMED, NOT_RECEIVED or FAULTED."""
    status: str = ""
    """Of the endpoint while an attempt is open: SageMaker's, or what is expected where nobody looked since it was sent."""
    drift: HostingDrift = field(default_factory=HostingDrift)
    """Only where what is wanted serves."""
    garbage_found: bool = False
    """In the pass before: a look at the live endpoint came between."""

    @property
    def live(self) -> LiveEndpoint | None:
        return self.seen.live

    @property
    def attempt(self) -> Attempt | None:
        """The one that is open."""
        return self.records.rollout.attempt

    @property
    def create_unanswered(self) -> bool:
        """A create that nobody answered, and no endpoint: its name keeps it from happening twice, so it is just sent again."""
        never_made = self.live is None and not self.records.endpoint.exists and not self.this.failure
        return self.outcome is Outcome.UNCONFIRMED and never_made

    @property
    def quarantined(self) -> QuarantineEntry | None:
        return self.records.quarantine.of(self.want.content)

    @property
    def last_good(self) -> HistoryEntry | None:
        """The newest rollout that succeeded and could serve again: not in quarantine, its configuration kept."""
        bad, configs = self.records.quarantine.hashes, self.records.configs
        good = (entry for entry in self.records.history.succeeded if entry.hash not in bad)
        return next((entry for entry in good if entry.config in configs and configs[entry.config].exists), None)

    @property
    def is_new_content(self) -> bool:
        """Whether other content is wanted than what was brought into service last, or than was wanted last."""
        rollout, content = self.records.rollout, self.want.content
        served = rollout.applied is not None and rollout.applied != content
        return served or rollout.desired_hash not in ("", content.hash)

    @property
    def asked_for(self) -> bool:
        """Whether a person asks for what is wanted, in this pass: by a new `retry`, or a rollback that was not asked for before."""
        return bool(self.this.tokens.get("retry")) or (self.want.hold is not None and RollbackRequest.of(self.this).new)

    @property
    def edited_by(self) -> Author | None:
        """Who edited what is wanted in the cluster, if Git does not want it. An edit of anything else (tags, guardrails) made
        no content.
        """
        git = self.this.git
        if git.edited_by is None or self.want.hold or self.want.source:
            return None
        try:
            held = desired_by_git(replace(self.this, spec=git.held)) if git.held is not None else None
        except TerminalError:
            held = None
        return None if held and held.content.hash == self.want.content.hash else git.edited_by

    @property
    def initiated_by(self) -> str:
        """Of a rollout of what the spec says."""
        return "manual" if self.edited_by else "git"

    @property
    def asked_for_by(self) -> SourceRecord:
        """What brings the wanted content into service: a commit, or an edit in the cluster, which no committer answers for."""
        if self.want.hold:
            return self.want.hold.source
        by = self.edited_by
        edit = SourceRecord(author=str(by), subject="edited in the cluster, not in Git") if by else None
        return self.want.source or edit or commit_of(self.this)

    @property
    def forgetting_what_is_gone(self) -> Self:
        """As if there had been no endpoint, where there is none: it is created whatever becomes of this pass, for a person's word
        counts in one pass only.
        """
        if self.live is not None:
            return self
        endpoint = EndpointRecord(self.name, region=self.records.endpoint.region)
        return self.having(replace(self.records, endpoint=endpoint)).with_rollout(applied=None)

    @property
    def not_owned(self) -> str:
        """The name of a remote object that goes by one of our names, is not owned and may not be taken over."""
        return next((name for name in self.seen.owners if not self.owned(name)), "")

    @property
    def adopting(self) -> bool:
        """Whether the endpoint was made by somebody else, and is taken over in this pass."""
        return self.live is not None and self.seen.owners.get(self.name) in (Owner.NOBODY, Owner.UNKNOWN)

    def owned(self, name: str) -> bool:
        return self.seen.owned(self.this, name)

    @property
    def region_changed(self) -> bool:
        return self.records.endpoint.region != str(self.this.spec.get("region") or "")

    @property
    def undisputed(self) -> bool:
        """Whether the endpoint that was looked at is the one that the spec speaks of, and ours."""
        answered = self.this.reply(REBALANCE)
        return not (
            self.this.resource.deleting or self.identity_change or self.region_changed or self.not_owned or answered
        )

    @property
    def looked(self) -> bool:
        """Whether it is known if a recorded endpoint is there."""
        return self.live is not None or self.seen.endpoint_known or not self.records.endpoint.exists

    @property
    def idle(self) -> bool:
        """Whether nothing is under way or in the way, so that what is wanted can be compared with what is."""
        return self.undisputed and self.attempt is None and self.looked and not self.want.waits

    @property
    def serves_desired(self) -> bool:
        live = self.live
        return live is not None and live.status == "InService" and live.config == self.want.content.config

    def having(self, records: HostingRecords) -> Self:
        return replace(self, records=records)

    def with_rollout(self, **changes: Json) -> Self:
        return replace(self, records=self.records.with_rollout(**changes))

    def noticed(self, *notices: Notice) -> Self:
        return replace(self, notices=(*self.notices, *notices))
