"""The exception family of the network. Every message is one line: what, where, what to do."""


class M2HError(Exception):
    """Base of all errors a user can cause and mend; commands print it and exit with code 2."""


class CheckpointError(M2HError):
    """A file of weights is unreadable or does not belong to the network."""


class CardError(M2HError):
    """The card beside a depth network of the user's is unreadable, incomplete or wrong."""


class ImageError(M2HError):
    """An image has a shape or a type that cannot be predicted from."""


class DataError(M2HError):
    """A training or test set is missing, unreadable or inconsistent."""


class BackendError(M2HError):
    """An inference backend, a device or a precision is not available."""


class PresetError(M2HError):
    """A preset of the network, or a switch of it, does not exist."""
