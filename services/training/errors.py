"""What can go wrong when training.

TrainingError
├── DataSetError        a data set is missing, unreadable, or not the one of the manifest
├── ModelFileError      a model file and its description do not agree
└── CandidateRefused    a new model is worse than the released one
"""


class TrainingError(Exception):
    """Training, evaluation or export cannot go on; the message says why and what to do."""


class DataSetError(TrainingError):
    """A data set is missing, unreadable, or not the one that the split manifest was made for."""


class ModelFileError(TrainingError):
    """A model file is missing or does not agree with the description beside it."""


class CandidateRefused(TrainingError):
    """A new model is somewhere worse than the released one, beyond chance and without a word why that is accepted."""
