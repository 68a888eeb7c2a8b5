"""A laboratory information system: sends orders, receives reports, and misbehaves when told to.

It shares no code with the LIS gateway, so that the two check each other.
"""

from services.simulator.lis.behaviour import Behaviour, Manner
from services.simulator.lis.orders import Patient, fictitious_patient, order_message
from services.simulator.lis.record import ReceivedReport
from services.simulator.lis.simulator import LisSimulator, OrderAnswer

__all__ = [
    "Behaviour",
    "LisSimulator",
    "Manner",
    "OrderAnswer",
    "Patient",
    "ReceivedReport",
    "fictitious_patient",
    "order_message",
]
