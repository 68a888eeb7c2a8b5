"""Fields: which parts of a film are read, for which question, and why others are not."""

from services.ingestion.fields.choice import ChosenField, FieldChoice, choose
from services.ingestion.fields.grid import core
from services.ingestion.fields.question import Question
from services.ingestion.fields.rejection import Rejection
from services.ingestion.fields.sure_nuclei import sure_nuclei

__all__ = ["ChosenField", "FieldChoice", "Question", "Rejection", "choose", "core", "sure_nuclei"]
