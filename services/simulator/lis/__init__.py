"""A laboratory information system: sends orders, receives reports, and misbehaves when told to.

It shares no code with the LIS gateway, so that the two check each other.
"""

from services.simulator.lis.behaviour import Behaviour, Manner
from services.simulator.lis.exchange import OrderAnswer
from services.simulator.lis.journal import Journal
from services.simulator.lis.orders import Patient, fictitious_patient, order_message
from services.simulator.lis.record import ReceivedReport
from services.simulator.lis.simulator import LisSimulator

__all__ = [
    "Behaviour",
    "Journal",
    "LisSimulator",
    "Manner",
    "OrderAnswer",
    "Patient",
    "ReceivedReport",
    "fictitious_patient",
    "order_message",
]
