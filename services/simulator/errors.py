"""What can go wrong around the simulators.

SimulatorError
├── SourceError        a source picture or table cannot be read
├── LibraryError       a folder of cut-out cells cannot be used
├── RecipeError        a film was asked for that cannot be composed
├── ScannerError       a slide cannot be delivered to a share
├── NotMllp            bytes on the LIS line that are no MLLP frame (`lis.wire`)
├── JournalError       the journal of the simulated LIS cannot be used (`lis.journal`)
└── MoodError          a word says no behaviour of the simulated LIS (`lis.mood`)
"""


class SimulatorError(Exception):
    """Any failure of the simulated hospital."""


class SourceError(SimulatorError):
    """A source picture or its table cannot be read."""


class LibraryError(SimulatorError):
    """A folder of cut-out cells is missing something or holds something else."""


class RecipeError(SimulatorError):
    """A recipe contradicts itself or the cells at hand."""


class ScannerError(SimulatorError):
    """A slide cannot be delivered to the share."""
