"""The one error of the embedded default: its text says what failed and the way out, and the command line prints it."""


class DevError(Exception):
    """Something on this machine kept the embedded default from working."""


class PortTakenError(DevError):
    """Somebody else took the port first; another port will do."""
