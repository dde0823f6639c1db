"""Things known by name: rewards, features, policies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, TypeVar

from slicefast.arguments import checked
from slicefast.errors import refuse

Entry = TypeVar("Entry")
#: Messages list the names that there are.
LONGEST_NAME = 100


class Registry(Generic[Entry]):
    """Entries of one kind by name.

    Parameters
    ----------
    kind : str
        What an entry is, as messages call it.
    entries : mapping of str
        What is known from the start.

    Attributes
    ----------
    entries : dict of str
        What is known, in the order in which it was registered.

    Examples
    --------
    >>> from slicefast.registry import Registry
    >>> colours = Registry("colour", {"red": int})
    >>> colours.register("blue", float)
    >>> colours.names(), colours.get("blue")
    (['blue', 'red'], <class 'float'>)
    """

    def __init__(self, kind: str, entries: Mapping[str, Entry]) -> None:
        self.kind = kind
        self.entries = dict(entries)

    @checked
    def register(self, name: str, entry: Entry) -> None:
        """Make an entry known under a name.

        Parameters
        ----------
        name : str
            What it is asked for by.
        entry : callable
            What `get` returns: all that is registered are functions and classes.

        Raises
        ------
        SlicefastError
            The name is taken by another entry, too long, or none that can be printed; or the entry cannot be called.

        Examples
        --------
        >>> sf.policies.register("half", lambda simulator, observation: np.full((3, 4), 0.25))
        >>> "half" in sf.policies.names()
        True
        """
        if not callable(entry):
            refuse("entry", entry, "a function or a class")
        if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
            refuse("name", name, f"1 to {LONGEST_NAME} characters that can be printed")
        if self.entries.get(name, entry) is not entry:
            refuse("name", name, f"a name that no other {self.kind} is registered under")
        self.entries[name] = entry

    @checked
    def names(self) -> list[str]:
        """Return the registered names, sorted.

        Examples
        --------
        >>> "oracle" in sf.policies.names()
        True
        """
        return sorted(self.entries)

    def get(self, name: str) -> Entry:
        """Return the entry of a name.

        Raises
        ------
        SlicefastError
            There is none; the message lists those there are.
        """
        if name not in self.entries:
            refuse(self.kind, name, ", ".join(self.names()))
        return self.entries[name]
