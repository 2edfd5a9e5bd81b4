"""Errors a user can mend: each message says what is wrong, where, and how to put it right."""


class EnamelError(Exception):
    """Base of every error raised on purpose; the command line prints it on one line and exits with 2."""


class InputError(EnamelError):
    """A picture, file or argument that cannot be used as given."""


class DataError(EnamelError):
    """A table of labels, or the files it names, that does not fit the documented layout."""


class ModelError(EnamelError):
    """Weights, a model card or a checkpoint that is missing, damaged or of another network."""


class EngineError(EnamelError):
    """An inference engine that is unknown or not usable on this machine."""
