"""Everything stillwatch raises on purpose.

A message says what is wrong and where; ``hint`` says what to do next. The command line
prints both on one line and exits with ``exit_code``; it never shows a traceback for these.

::

    StillwatchError
    ├── InputError            a file, row or value from outside cannot be used
    │   ├── UnknownFormat     no reader recognises the file
    │   ├── DamagedFile       a file that cannot be read whole
    │   ├── EmptyInput        nothing to work on
    │   └── TooManyBadRows    more rows were quarantined than the limit allows
    ├── ConfigError           a setting, mapping or rule file is wrong
    ├── StoredDataError       a profile, result or database of ours is damaged or foreign
    ├── PolicyRefused         something was about to leave that may not
    ├── NotTrusted            a signature, proof or history does not hold
    ├── PeerError             another machine cannot be reached or answered wrongly
    └── NotConverged          rounds of a computation did not settle within their bound
"""


class StillwatchError(Exception):
    """Root of the tree."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}" if self.hint else self.message


class InputError(StillwatchError):
    """A file, row or value from outside cannot be used."""

    exit_code = 2


class UnknownFormat(InputError):
    """No reader recognises the file."""


class DamagedFile(InputError):
    """A file is cut short, or its content is not what its own checks say."""


class EmptyInput(InputError):
    """There is nothing to work on: never reported as "0 findings"."""


class TooManyBadRows(InputError):
    """More rows were quarantined than the limit allows."""

    exit_code = 3


class ConfigError(StillwatchError):
    """A setting, mapping or rule file is wrong."""

    exit_code = 2


class StoredDataError(StillwatchError):
    """A profile or result directory of ours is damaged or was written by another version."""

    exit_code = 2


class PolicyRefused(StillwatchError):
    """Something was about to leave the house, or to enter the hub, that may not."""

    exit_code = 4


class NotTrusted(StillwatchError):
    """A signature, proof or history does not hold: nothing of it was used."""

    exit_code = 5


class PeerError(StillwatchError):
    """Another machine cannot be reached, refused, or answered wrongly; trying again may help."""

    exit_code = 6


class NotConverged(StillwatchError):
    """Rounds of a computation did not settle within their bound: no result rather than a wrong one."""
