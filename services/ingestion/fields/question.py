"""What a field is read for, and in what its yield is counted."""

from enum import StrEnum


class Question(StrEnum):
    """A question to the film. Wanted and expected numbers are cells; for clumps they are fields."""

    LEUKOCYTES = "leukocytes"
    ERYTHROCYTES = "erythrocytes"
    PLATELETS = "platelets"
    PLATELET_CLUMPS = "platelet_clumps"
