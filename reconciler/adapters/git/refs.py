"""From a ref that a GitSync follows to the commit it stands for: what `ls-remote` is asked, and what its answer means."""

from collections.abc import Mapping

from reconciler.core.git.rules import newest_tag
from reconciler.core.git.source import Ref, Revision, SourceError, is_sha


def patterns(ref: Ref) -> list[str]:
    """What to ask `ls-remote` for."""
    if ref.commit:
        return ["HEAD"]  # nothing to find out, but the right to read is proven
    if ref.semver:
        return ["refs/tags/*"]
    if ref.tag:
        return [f"refs/tags/{ref.tag}", f"refs/tags/{ref.tag}^{{}}"]
    return [f"refs/heads/{ref.branch}"] if ref.branch else ["HEAD"]


def choose(ref: Ref, heads: Mapping[str, str]) -> Revision:
    """The revision in what `RemoteAccess.ls_remote` answered; SourceError RefNotFound when the remote has none."""
    if ref.commit:
        return Revision(ref.branch, ref.commit)
    if ref.semver or ref.tag:
        tags = {
            name.removeprefix("refs/tags/")
            for name in heads
            if name.startswith("refs/tags/") and not name.endswith("^{}")
        }
        tag = newest_tag(ref.semver, tags) if ref.semver else ref.tag
        if tag is None or tag not in tags:
            raise SourceError(
                "RefNotFound", f"no tag matches {ref.semver!r}" if ref.semver else f"there is no tag {ref.tag!r}"
            )
        return _revision(tag, heads.get(f"refs/tags/{tag}^{{}}") or heads[f"refs/tags/{tag}"])
    if ref.branch:
        if f"refs/heads/{ref.branch}" not in heads:
            raise SourceError("RefNotFound", f"there is no branch {ref.branch!r}")
        return _revision(ref.branch, heads[f"refs/heads/{ref.branch}"])
    if "HEAD" not in heads:
        raise SourceError("RefNotFound", "the repository is empty, or its HEAD points nowhere")
    return _revision(heads.get("symref HEAD", "HEAD").removeprefix("refs/heads/"), heads["HEAD"])


def _revision(ref: str, sha: str) -> Revision:
    if not is_sha(sha):
        raise SourceError("GitOperationFailed", "the remote named no valid commit")
    return Revision(ref, sha)
