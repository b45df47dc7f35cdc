"""What git may know: the one configuration it reads, a clean environment, and credentials no other process can see.

GitPython starts its children with the whole environment of the service and cannot end a process group, so all commands
but the readers of `object_reader.py` are started by `processes.py` with these.

Secrets reach git as files of mode 0600 in a private directory that lives as long as the command. They are in no argument
list, no environment variable and no URL. Called by the other modules of this package.
"""

import contextlib
import fcntl
import os
import shlex
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from reconciler.core.git.rules import RemoteUrl
from reconciler.core.git.source import Credentials

# The one configuration git reads: the system's and the user's files are switched off.
_CONFIG = """\
[protocol]
	allow = never
[protocol "https"]
	allow = always
[protocol "ssh"]
	allow = always
[protocol "http"]
	allow = {http}
[protocol "file"]
	allow = {file}
[core]
	hooksPath = /dev/null
	askPass =
	fsmonitor = false
[credential]
	helper =
[transfer]
	fsckObjects = true
[fetch]
	writeCommitGraph = false
	recurseSubmodules = false
[fetch "fsck"]
	# Old tools wrote these; they harm nobody who does not check files out.
	zeroPaddedFilemode = warn
	badTimezone = warn
	missingSpaceBeforeDate = warn
[submodule]
	recurse = false
[http]
	followRedirects = false
	lowSpeedLimit = 1000
	lowSpeedTime = {patience}
[gc]
	autoDetach = false
[maintenance]
	autoDetach = false
"""
# Repositories of other users, as a mounted volume may hold.
_FILE_CONFIG = """\
[safe]
	directory = *
"""

# Asked "Username for ..." or "Password for ..." by git, "Enter passphrase for key ..." by ssh.
_ASKPASS = """\
#!/bin/sh
case "$1" in
Username*) exec cat {username} ;;
*) exec cat {password} ;;
esac
"""

_SSH_CONFIG = """\
Host *
  IdentityFile "{identity}"
  IdentitiesOnly yes
  IdentityAgent none
  UserKnownHostsFile "{known_hosts}"
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  UpdateHostKeys no
  PreferredAuthentications publickey
  NumberOfPasswordPrompts 1
  ForwardAgent no
  ForwardX11 no
  PermitLocalCommand no
  ControlMaster no
  ConnectTimeout 15
  ServerAliveInterval 15
  ServerAliveCountMax 2
  LogLevel ERROR
"""

# What a child may know of our environment: where programs are, and how to leave the network.
_PASSED_ON = (
    "PATH",
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "ALL_PROXY",
    "all_proxy",
    "NO_PROXY",
    "no_proxy",
)


@contextlib.contextmanager
def exclusive(path: Path, timeout_s: float) -> Iterator[int]:
    """Hold a file lock; yields its descriptor. TimeoutError (an OSError) when another holds it for longer.

    A child that inherits the descriptor keeps the lock if we are killed, until it has ended too.
    """
    deadline = time.monotonic() + timeout_s
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise TimeoutError(path.name) from None
                time.sleep(0.05)
        yield descriptor
    finally:
        os.close(descriptor)


class GitHome:
    """The directory that stands in for HOME, and the environments that commands get.

    One per process, held by a lock: what a killed process left behind holds secrets and is removed by the next.
    """

    def __init__(self, parent: Path, *, allow_file: bool, patience_s: int = 20) -> None:
        parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        for old in parent.glob("home-*"):
            with contextlib.suppress(OSError), exclusive(old / "lock", 0.0):
                shutil.rmtree(old, ignore_errors=True)
        self._directory = Path(tempfile.mkdtemp(prefix="home-", dir=parent))
        # Plain http was judged with the URL; here git only must not be stopped.
        self._text = _CONFIG.format(http="always", file="always" if allow_file else "never", patience=patience_s)
        self._text += _FILE_CONFIG if allow_file else ""
        self._lock = -1
        self._furnishing = threading.Lock()
        self._furnish()

    @property
    def _config(self) -> Path:
        return self._directory / "gitconfig"

    def _furnish(self) -> None:
        """Written anew where the cache was cleared meanwhile: without its configuration git would obey the remote's wishes."""
        with self._furnishing:
            if self._config.exists():
                return
            (self._directory / "empty").mkdir(parents=True, exist_ok=True, mode=0o700)
            if self._lock >= 0:
                os.close(self._lock)
            self._lock = os.open(self._directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            _write(self._config, self._text)

    def close(self) -> None:
        """Remove the directory, and with it whatever held credentials."""
        if self._lock >= 0:
            shutil.rmtree(self._directory, ignore_errors=True)
            os.close(self._lock)
            self._lock = -1

    @property
    def local_environment(self) -> Mapping[str, str]:
        """For commands that read the object store only."""
        self._furnish()
        return self._environment(self._config)

    @contextlib.contextmanager
    def remote_environment(self, url: RemoteUrl, credentials: Credentials | None) -> Iterator[Mapping[str, str]]:
        """For one command that talks to `url`; what it needs to log in is gone when the block ends."""
        if credentials is None:
            yield self.local_environment
            return
        self._furnish()
        with tempfile.TemporaryDirectory(dir=self._directory, prefix="login-") as name:
            private = Path(name)
            environment = dict(
                self._environment(_write(private / "gitconfig", self._login_config(private, url, credentials)))
            )
            environment |= _askpass(private, credentials)
            if url.scheme == "ssh":
                environment["GIT_SSH_COMMAND"] = shlex.join(["ssh", "-F", str(_ssh_config(private, credentials))])
                environment["GIT_SSH_VARIANT"] = "ssh"
            yield environment

    def _login_config(self, private: Path, url: RemoteUrl, credentials: Credentials) -> str:
        lines = ["[include]", f"\tpath = {_quoted(str(self._config))}"]
        if url.scheme == "ssh":
            return "\n".join(lines) + "\n"
        if credentials.ca_crt:
            lines += ["[http]", f"\tsslCAInfo = {_quoted(str(_write(private / 'ca.crt', credentials.ca_crt)))}"]
        if credentials.bearer_token:
            lines += [
                f"[http {_quoted(url.text)}]",
                f"\textraHeader = {_quoted('Authorization: Bearer ' + credentials.bearer_token)}",
            ]
        return "\n".join(lines) + "\n"

    def _environment(self, config: Path) -> Mapping[str, str]:
        passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        return passed_on | {
            "HOME": str(self._directory / "empty"),
            "XDG_CONFIG_HOME": str(self._directory / "empty"),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": str(config),
            "GIT_ATTR_NOSYSTEM": "1",
            # The cache may lie in somebody's checkout, whose configuration is not ours.
            "GIT_CEILING_DIRECTORIES": str(self._directory.parent),
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_LITERAL_PATHSPECS": "1",
            "GIT_SSH_COMMAND": "false",  # ssh without credentials does not fall back to the user's own keys
            "LC_ALL": "C",
            "LANGUAGE": "C",
        }


def _askpass(private: Path, credentials: Credentials) -> Mapping[str, str]:
    username = _write(private / "username", credentials.username or "git")
    password = _write(private / "password", credentials.password)
    text = _ASKPASS.format(username=shlex.quote(str(username)), password=shlex.quote(str(password)))
    script = str(_write(private / "askpass", text, 0o700))
    return {"GIT_ASKPASS": script, "SSH_ASKPASS": script, "SSH_ASKPASS_REQUIRE": "force", "DISPLAY": ":"}


def _ssh_config(private: Path, credentials: Credentials) -> Path:
    # OpenSSH refuses a key without its last line break, which YAML block scalars with `|-` lose.
    identity = _write(private / "identity", credentials.identity.rstrip() + "\n")
    known_hosts = _write(private / "known_hosts", credentials.known_hosts.rstrip() + "\n")
    # ssh expands %-sequences in both.
    paths = {"identity": str(identity).replace("%", "%%"), "known_hosts": str(known_hosts).replace("%", "%%")}
    return _write(private / "ssh_config", _SSH_CONFIG.format(**paths))


def _write(path: Path, text: str, mode: int = 0o600) -> Path:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as file:  # noqa: PTH123 (the mode must hold from the start)
        file.write(text)
    return path


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
