"""The one exception family. Every message is a single line: what, where, and what to do."""


class MonoHydraError(Exception):
    """Base of all errors a user can cause and mend; commands print it and exit with code 2."""


class ConfigError(MonoHydraError):
    """A configuration file, key or value is wrong."""


class DatasetError(MonoHydraError):
    """Input data is missing, unreadable or inconsistent."""


class LabelError(MonoHydraError):
    """A label space or a label is unknown or inconsistent."""


class GraphError(MonoHydraError):
    """A scene-graph file or a graph operation is invalid."""


class OutputError(MonoHydraError):
    """Results cannot be written where they were asked for."""


class DependencyError(MonoHydraError):
    """A package or a system library is missing; the message names the line that installs it."""


class SimulationError(MonoHydraError):
    """A house, a path or a rendering could not be made from the given request."""


class EvaluationError(MonoHydraError):
    """A run cannot be scored against the given truth."""


class TrackingError(MonoHydraError):
    """The inertial or visual input of the tracker cannot be what it is said to be."""
