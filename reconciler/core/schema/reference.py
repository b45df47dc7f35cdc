"""What a `...Ref` field stands for, and which kinds give it. Following references is in `core/references`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from reconciler.core.values import Status

__all__ = ["Given", "Provider", "Reference"]


class Given(NamedTuple):
    """A value that an object gives to those that refer to it."""

    value: str
    run: str = ""
    """SageMaker's name of the job whose artefact it is."""


@dataclass(frozen=True)
class Provider:
    """How a kind gives something to others (`Kind.gives`)."""

    given: Callable[[Status], Mapping[str, Given] | str]
    """From the status of an object that is Ready: what it gives, by name; "" names the only one there can be. A text: why it
    gives nothing yet.
    """
    choice: str = ""
    """Key of the reference that names one of several. Empty: an object gives one."""
    choice_doc: str = ""


@dataclass(frozen=True)
class Reference:
    """What a `...Ref` field is about: another object is named, and what SageMaker calls it is looked up."""

    stands_for: str
    """The key beside it whose value it supplies."""
    gives: str
    """What is wanted of the other object: a key of `Kind.gives`."""
    providers: Mapping[str, Provider] = field(hash=False)
    """By the kinds that can stand here."""
