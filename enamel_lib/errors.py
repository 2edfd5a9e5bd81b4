"""Errors a user can mend: each message says what is wrong, where, and how to put it right."""

from collections.abc import Iterable


class EnamelError(Exception):
    """Base of every error raised on purpose; the command line prints it on one line and exits with 2."""


class InputError(EnamelError):
    """A picture, file or argument that cannot be used as given."""


class DataError(EnamelError):
    """A table of labels, or the files it names, that does not fit the documented layout."""


class ModelError(EnamelError):
    """Weights, a model card or a checkpoint that is missing, damaged or of another network."""


class EngineError(EnamelError):
    """An inference engine that is not usable on this machine."""


def check_choice(what: str, given: str, known: Iterable[str]) -> None:
    """Raise `InputError` if `given` is none of the names that `what` may have.

    >>> check_choice("engine", "magic", ("keras", "openvino"))
    Traceback (most recent call last):
    enamel_lib.errors.InputError: engine 'magic' is unknown; choose from keras, openvino
    """
    if given not in (known := list(known)):
        raise InputError(f"{what} {given!r} is unknown; choose from {', '.join(known)}")
