"""What can go wrong in analysis.

FrottisError
├── SettingsError
│   └── ModelUnusable      a model file is missing, was changed, or breaks its contract: the service does not start
├── TransientError
│   ├── ModelsAway         Triton cannot be reached, is too slow, or has a model that is not ready
│   ├── ModelUnknown       Triton serves a version of a model without a description that can be used
│   └── ModelChanged       Triton took another version while work was under way
├── PoisonError
│   └── TileUnreadable     a tile's pixels are missing, damaged or not at the canonical resolution
├── ImageUnreadable        an image given to `frottis analyse` cannot be read
├── ResolutionInvalid      µm/px is missing or is not one of a microscope
├── KindUnclassified       a kind of cell that no classifier knows was asked for
└── ResultUnwritable       the file for the cells cannot be written
"""

from services.kit.errors import FrottisError, PoisonError, SettingsError, TransientError


class ModelUnusable(SettingsError):
    """A model file is missing, is not the file that its description was written for, or breaks the contract."""


class ModelsAway(TransientError):
    """Triton does not answer for a model now."""


class ModelUnknown(TransientError):
    """What a version's numbers mean is not known: nothing is read with it until its description is installed."""


class ModelChanged(TransientError):
    """The weights that were asked are served no more: the work is done again with those that are."""


class TileUnreadable(PoisonError):
    """The pixels of a tile cannot be had whole, now or ever."""


class ImageUnreadable(FrottisError):
    """An image file cannot be read as a picture."""


class ResolutionInvalid(FrottisError):
    """The µm/px given is missing or impossible."""


class KindUnclassified(FrottisError):
    """No classifier knows this kind of cell."""


class ResultUnwritable(FrottisError):
    """The file for the cells cannot be written."""
