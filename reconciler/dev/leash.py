"""Runs a command that dies with the process that asked for it, however that one ends.

A script of its own, run as `python -I -S leash.py PARENT COMMAND...` by `children`: it asks the kernel for a SIGKILL when
the parent goes and becomes the command. Not a `preexec_fn`, which is unsafe beside threads. The request survives `exec`.
Where there is no such request (not Linux), children end on an orderly exit only.
"""

import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        import ctypes  # noqa: PLC0415 # other systems may lack what it loads

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it went before the kernel knew of our wish
            sys.exit(1)
    os.execv(command[0], command)  # noqa: S606 # no shell is what is wanted


if __name__ == "__main__":
    main()
