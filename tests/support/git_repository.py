"""A bare repository with the verbs of a story; commits are written by fast-import, so that a thousand are cheap."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

_EPOCH = 1_700_000_000  # every commit is a second after the one before: histories are the same on every run
_AUTHOR = "Ada Lovelace <ada@example.com>"
MAIN = "main"


class BareRepository:
    """Every verb is a push: the repository is the remote. Hashes are the full 40 digits."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ticks = 0
        path.mkdir(parents=True, exist_ok=True)
        self.git("init", "--quiet", "--bare", f"--initial-branch={MAIN}")
        # What a forge allows: any reachable commit may be asked for, and parts of it.
        self.git("config", "uploadpack.allowAnySHA1InWant", "true")
        self.git("config", "uploadpack.allowFilter", "true")

    @property
    def url(self) -> str:
        return f"file://{self.path}"

    def commit(
        self,
        files: Mapping[str, str | bytes | None],
        message: str = "Change",
        *,
        author: str = _AUTHOR,
        branch: str = MAIN,
        merge: Sequence[str] = (),
        orphan: bool = False,
        mode: str = "100644",
    ) -> str:
        """Write files (None deletes) on top of a branch and return the commit; `mode` 120000 makes symbolic links."""
        lines: list[bytes] = []
        for path, content in files.items():
            if content is None:
                lines.append(b"D %s\n" % _quoted(path))
                continue
            data = content.encode() if isinstance(content, str) else content
            lines.append(b"M %s inline %s\ndata %d\n%s\n" % (mode.encode(), _quoted(path), len(data), data))
        return self._import(lines, message, author=author, branch=branch, merge=merge, orphan=orphan)

    def delete(self, *paths: str, message: str = "Delete", branch: str = MAIN) -> str:
        """Delete files or folders in one commit."""
        return self.commit(dict.fromkeys(paths), message, branch=branch)

    def revert(self, commit: str, *, branch: str = MAIN, author: str = _AUTHOR) -> str:
        """Undo one commit's changes, with the message that `git revert` writes."""
        lines: list[bytes] = []
        changed = self.git("diff-tree", "-r", "-z", "--no-renames", "--root", "--no-commit-id", commit).split("\0")[:-1]
        for about, path in zip(changed[::2], changed[1::2], strict=True):
            old_mode, _, old_blob, _, _ = about.removeprefix(":").split()
            gone = old_mode == "000000"
            line = f"D {path}\n" if gone else f"M {old_mode} {old_blob} {path}\n"
            lines.append(line.encode())
        subject = self.git("log", "-1", "--format=%s", commit)
        return self._import(
            lines, f'Revert "{subject}"\n\nThis reverts commit {commit}.\n', author=author, branch=branch
        )

    def branch(self, name: str, at: str = MAIN) -> None:
        """Make a branch, or force it to another commit."""
        self.git("update-ref", f"refs/heads/{name}", self.resolve(at))

    def tag(self, name: str, at: str = MAIN, *, message: str = "") -> None:
        """A tag; with a message an annotated one."""
        self.git("tag", "--force", *(("--annotate", f"--message={message}") if message else ()), name, at)

    def delete_ref(self, ref: str) -> None:
        self.git("update-ref", "-d", ref)

    def push(self, other: Path, *refspecs: str) -> None:
        """Push from another repository on this machine, as a person with a clone does."""
        self._run(["git", "-C", str(other), "push", "--quiet", str(self.path), *refspecs])

    def resolve(self, ref: str = MAIN) -> str:
        return self.git("rev-parse", "--verify", f"{ref}^{{commit}}")

    def refs(self) -> dict[str, str]:
        lines = self.git("for-each-ref", "--format=%(refname) %(objectname)").splitlines()
        return dict(line.split(" ", 1) for line in lines)

    def read(self, path: str, ref: str = MAIN) -> str:
        return self._run(["git", "-C", str(self.path), "show", f"{ref}:{path}"])

    def note(self, ref: str, commit: str = MAIN) -> str:
        """The note on a commit in a notes ref (like `refs/notes/sagemaker-gitops/dev`); empty when there is none."""
        command = ["git", "-C", str(self.path), "notes", f"--ref={ref}", "show", commit]
        ended = subprocess.run(command, capture_output=True, text=True, check=False, env=_environment(_EPOCH))
        return ended.stdout.rstrip("\n") if ended.returncode == 0 else ""

    def git(self, *arguments: str) -> str:
        return self._run(["git", "-C", str(self.path), *arguments]).rstrip("\n")

    def _import(
        self,
        lines: Sequence[bytes],
        message: str,
        *,
        author: str,
        branch: str,
        merge: Sequence[str] = (),
        orphan: bool = False,
    ) -> str:
        self._ticks += 1
        ref, text, when = f"refs/heads/{branch}", message.encode(), _EPOCH + self._ticks
        head = self.refs().get(ref)
        stream = [b"commit %s\n" % ref.encode(), b"author %s %d +0000\n" % (author.encode(), when)]
        stream += [b"committer %s %d +0000\n" % (author.encode(), when), b"data %d\n%s\n" % (len(text), text)]
        if head and not orphan:
            stream.append(b"from %s\n" % head.encode())
        stream += [b"merge %s\n" % self.resolve(parent).encode() for parent in merge]
        if orphan:
            stream.insert(0, b"reset %s\n\n" % ref.encode())
        stream += lines
        command = ["git", "-C", str(self.path), "fast-import", "--quiet", "--force", "--date-format=raw"]
        ended = subprocess.run(
            command, input=b"".join(stream), capture_output=True, check=False, env=_environment(when)
        )
        assert ended.returncode == 0, ended.stderr.decode()
        return self.resolve(ref)

    def _run(self, command: Sequence[str]) -> str:
        ended = subprocess.run(
            command, capture_output=True, text=True, check=False, env=_environment(_EPOCH + self._ticks)
        )
        assert ended.returncode == 0, f"{' '.join(command)}:\n{ended.stderr}"
        return ended.stdout


def _quoted(path: str) -> bytes:
    escaped = path.encode().replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n")
    return b'"%s"' % escaped


def _environment(when: int) -> dict[str, str]:
    """Nothing of the machine's git settings, and a clock that only the story moves."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_AUTHOR_NAME": "Ada Lovelace",
        "GIT_AUTHOR_EMAIL": "ada@example.com",
        "GIT_COMMITTER_NAME": "Ada Lovelace",
        "GIT_COMMITTER_EMAIL": "ada@example.com",
        "GIT_AUTHOR_DATE": f"{when} +0000",
        "GIT_COMMITTER_DATE": f"{when} +0000",
    }
