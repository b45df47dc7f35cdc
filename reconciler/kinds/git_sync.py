"""GitSync: a path of a Git repository that is to be what the cluster holds. Declared by hand: no AWS operation describes it."""

from __future__ import annotations

from reconciler.core.records.sync_entry import SyncEntry
from reconciler.core.schema.declaration import Column, Schema
from reconciler.core.schema.rules import NotShorter
from reconciler.core.schema.shapes import Field, List, Scalar, StringMap, Structure
from reconciler.core.schema.status import CONDITIONS, integer, internal, many, record, string

_DURATION = Scalar("string", pattern=r"([0-9]+(\.[0-9]+)?(ms|s|m|h))+", max_length=32)
_NAME = Scalar("string", min_length=1, max_length=253, pattern=r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_MODES = ("Correct", "Warn", "Ignore")
_SECRET_REF = Structure((Field("name", _NAME, required=True, doc="Name of a Secret in the GitSync's own namespace."),))

_REF = Structure(
    (
        Field("branch", Scalar("string", min_length=1, max_length=255), doc="Follow the head of this branch."),
        Field("tag", Scalar("string", min_length=1, max_length=255), doc="Follow this tag."),
        Field("semver", Scalar("string", min_length=1, max_length=255), doc="Follow the newest tag in this range."),
        Field(
            "commit",
            Scalar("string", pattern="[0-9a-f]{40}|[0-9a-f]{64}"),
            doc="Stay at this commit; it goes before semver, tag and branch.",
        ),
    )
)

_REPO = Structure(
    (
        Field(
            "url",
            Scalar("string", min_length=1, max_length=2048),
            required=True,
            doc="https or ssh; file only where the installer allows it.",
        ),
        Field("ref", _REF, doc="What to follow (default: the remote's HEAD)."),
        Field("secretRef", _SECRET_REF, doc="Credentials, with the keys Flux uses."),
        Field("path", Scalar("string", max_length=1024), doc="Directory of the manifests (default: the root)."),
        Field("ignore", Scalar("string", max_length=16384), doc="Files to leave out, in gitignore syntax."),
    )
)

_DRIFT_IGNORE = Structure(
    (
        Field("kind", Scalar("string", min_length=1, max_length=63), doc="Kind of the objects meant (default: all)."),
        Field("name", Scalar("string", min_length=1, max_length=253), doc="Name of the object meant (default: all)."),
        Field(
            "paths",
            List(Scalar("string", max_length=1024, pattern=r"(/([^/~]|~0|~1)*)*"), max_items=100),
            doc="JSON Pointers whose differences do not count (default: all).",
        ),
    )
)

_WRITE_BACK = Structure(
    (
        Field(
            "notes",
            Structure(
                (
                    Field("enabled", Scalar("boolean"), doc="Write notes (default: where they can be pushed safely)."),
                    Field(
                        "ref",
                        Scalar("string", max_length=255, pattern="refs/notes/[A-Za-z0-9][A-Za-z0-9._/-]*"),
                        doc="Where to write (default: refs/notes/sagemaker-gitops/<cluster>).",
                    ),
                    Field("secretRef", _SECRET_REF, doc="Secret to push with; the one for reading stays read-only."),
                )
            ),
            doc="Git notes on the commits that were acted on.",
        ),
        Field(
            "commitStatus",
            Structure(
                (
                    Field("provider", Scalar("string", enum=("github", "gitlab", "gitea", "none"))),
                    Field("secretRef", _SECRET_REF, doc="Secret with the forge's token, or with a GitHub App's keys."),
                    Field(
                        "apiUrl",
                        Scalar("string", max_length=2048, pattern="https?://[!-~]+"),
                        doc="Root of the forge's API (default: derived from repo.url).",
                    ),
                    Field(
                        "targetUrl",
                        Scalar("string", max_length=2048, pattern="https?://[!-~]+"),
                        doc="Where the status links to.",
                    ),
                )
            ),
            doc="Commit statuses at the forge.",
        ),
    )
)

_WEBHOOK = Structure(
    (
        Field(
            "secretRef",
            _SECRET_REF,
            required=True,
            doc="Secret whose `token` signs the deliveries; it must allow the repository's host.",
        ),
        Field(
            "provider",
            Scalar("string", enum=("github", "gitlab", "gitea", "bitbucket", "generic")),
            doc="Who sends (default: known by the headers).",
        ),
    )
)

SCHEMA = Schema(
    kind="GitSync",
    plural="gitsyncs",
    doc="A path of a Git repository, applied to this namespace and kept that way.",
    group="sagemaker-gitops.dev",
    version="v1alpha1",
    short_names=("gsync",),
    columns=(
        Column("Ready", '.status.conditions[?(@.type=="Ready")].status'),
        Column("Revision", ".status.shortRevision"),
        Column("Objects", ".status.objects.total", type="integer"),
        Column("Failed", ".status.objects.failed", type="integer"),
        Column("Drifted", ".status.objects.drifted", type="integer"),
        Column("Age", ".metadata.creationTimestamp", type="date"),
        Column("Status", '.status.conditions[?(@.type=="Ready")].message'),
    ),
    spec=Structure(
        (
            Field("repo", _REPO, required=True, doc="What to read."),
            Field(
                "interval", _DURATION, doc="How often to look (default 1m, at least 10s); a webhook makes it immediate."
            ),
            Field("suspend", Scalar("boolean"), doc="Do nothing until it is false again."),
            Field(
                "targetNamespace",
                Scalar("string", max_length=63, pattern="([a-z0-9]([a-z0-9-]*[a-z0-9])?)?"),
                doc="Namespace to apply to (default: the own one); another needs serviceAccountName.",
            ),
            Field(
                "serviceAccountName",
                Scalar("string", max_length=253, pattern="([a-z0-9]([a-z0-9.-]*[a-z0-9])?)?"),
                doc="ServiceAccount of the own namespace to apply and prune as.",
            ),
            Field(
                "prune",
                Structure(
                    (
                        Field("enabled", Scalar("boolean"), doc="Delete what left the repository (default true)."),
                        Field(
                            "maxDeletePercent",
                            Scalar("integer", minimum=0, maximum=100, format="int32"),
                            doc="More than this, and at least 5 objects, waits for an approval (default 50).",
                        ),
                    )
                ),
                doc="What happens to objects that left the repository.",
            ),
            Field(
                "drift",
                Structure(
                    (
                        Field("mode", Scalar("string", enum=_MODES), doc="What to do about drift (default Correct)."),
                        Field("ignore", List(_DRIFT_IGNORE, max_items=100), doc="Differences that do not count."),
                    )
                ),
                doc="Differences between Git, the cluster and SageMaker.",
            ),
            Field(
                "jobs",
                Structure(
                    (
                        Field(
                            "onChange",
                            Scalar("string", enum=("Run", "Reject")),
                            doc="Whether a changed job spec runs again (default Run).",
                        ),
                    )
                ),
                doc="How jobs are treated.",
            ),
            Field(
                "webhook", _WEBHOOK, doc="Receive pushes at status.webhookPath, instead of waiting for the interval."
            ),
            Field("writeBack", _WRITE_BACK, doc="What is written to Git."),
            Field(
                "requireFastForward",
                Scalar("boolean"),
                doc="Refuse a commit that does not follow the applied one (default true).",
            ),
            Field(
                "substitute",
                StringMap(Scalar("string"), Scalar("string", max_length=4096), max_items=100),
                doc="Values for ${NAME} in manifests; only these names are replaced.",
            ),
            Field(
                "otherKinds",
                Scalar("string", enum=("Reject", "Ignore")),
                doc="What to do about objects of other API groups in the path (default Reject).",
            ),
        ),
        (NotShorter("interval", "10s"),),
    ),
    status=Structure(
        (
            CONDITIONS,
            Field("observedGeneration", integer(), doc="The generation that this status is about."),
            Field("lastAttemptedRevision", string(), doc="The revision last read, as ref@sha1:commit."),
            Field("lastAppliedRevision", string(), doc="The revision last applied without a failure."),
            Field("shortRevision", string(), doc="The same with seven digits of the commit, for the Revision column."),
            Field("lastHandledReconcileAt", string(), doc="The last requestedAt that was acted on."),
            Field("inventory", many(string()), doc="What this sync applied, one compact entry an object."),
            Field(
                "objects",
                record(
                    total=(integer(), "Objects of the inventory that are in the cluster."),
                    ready=(integer(), "Those that are Ready."),
                    failed=(integer(), "Those that are Stalled."),
                    drifted=(integer(), "Those that are not as Git says, here or in SageMaker."),
                    rejected=(integer(), "Those that could not be applied."),
                    waiting=(integer(), "Those that a person must help outside Git."),
                ),
                doc="Counts; `waiting` are those that a person must help outside Git (a role, a quota), when there are any.",
            ),
            Field(
                "failing",
                many(
                    record(
                        kind=(string(), "Kind of the object."),
                        name=(string(), "Its name."),
                        path=(string(), "File in the repository."),
                        line=(integer(), "Line in it, where one is known."),
                        reason=(string(), "Reason of its Ready condition."),
                    )
                ),
                doc="Objects that failed or that a person must help, with their place in Git; at most 50.",
            ),
            Field(
                "rejected",
                many(
                    record(
                        path=(string(), "File in the repository."),
                        line=(integer(), "Line in it, where one is known."),
                        kind=(string(), "Kind of the object, where it could be read."),
                        name=(string(), "Its name, likewise."),
                        reason=(string(), "Why, in a word for scripts."),
                        message=(string(), "Why, for people."),
                    )
                ),
                doc="What could not be applied, at most 50; objects.rejected counts all.",
            ),
            Field(
                "pruneApproval",
                record(
                    revision=(string(), "The revision that no longer holds them, as ref@sha1:commit."),
                    total=(integer(), "How many there are."),
                    objects=(many(string()), "Each as kind/name."),
                ),
                doc="What left Git and waits for an approval of this revision, at most 100 by name.",
            ),
            Field(
                "history",
                many(SyncEntry.shape()),
                doc="Revisions, newest first.",
            ),
            Field(
                "handled",
                record(
                    requestedAt=(string(), "Of `requestedAt`: look again now."),
                    approvePrune=(string(), "Of `approve-prune`: the prune that was allowed."),
                ),
                doc="Tokens that were acted on.",
            ),
            Field("webhookPath", string(), doc="Where the forge sends its webhooks, on the service's port."),
            Field(
                "commitStatus",
                internal(
                    open=(many(string()), "Commits since the last success: the newest answers for their objects too."),
                    records=(
                        many(
                            internal(
                                commit=(string(), "Full id of the commit."),
                                ref=(string(), "The branch or tag that was synced."),
                                state=(string(), "State of the commit status."),
                                description=(string(), "The sentence beside it."),
                                said=(
                                    string(),
                                    "Digest of what the forge was sent last; unequal to this record: it is to be sent.",
                                ),
                                writes=(integer(), "How often it was sent."),
                            )
                        ),
                        "What the forge was sent, by commit.",
                    ),
                ),
                doc="What was said of which commit at the forge, newest first.",
            ),
        )
    ),
)
