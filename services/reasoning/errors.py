"""What can be wrong with the data that reasoning works by.

FrottisError
├── SettingsError
│   ├── TablesInvalid   classes.yaml, grading.yaml or haemogram.yaml is not as its reader expects
│   └── RulesInvalid    a rule cannot be used: names the file, the rule and what is wrong; the service does not start
└── RuleDefect          a rule that passed every check could not be evaluated: the slide is held
"""

from services.kit.errors import FrottisError, SettingsError


class TablesInvalid(SettingsError):
    """A table of the laboratory says something impossible."""


class RulesInvalid(SettingsError):
    """A rule cannot be used."""


class RuleDefect(FrottisError):
    """A condition failed although every fact that it names was there."""
