from tests.support.bench import credentials, lab

__all__ = ["credentials", "lab"]
