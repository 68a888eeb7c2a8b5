"""Reports as the standard has them, written by hand, and a line to send them on."""

import socket

from services.simulator.lis import fictitious_patient
from services.simulator.lis.er7 import segments, value
from services.simulator.lis.wire import Wire


def oru(control_id="C1", specimen="S1", placer="P1", status="P", result="0.0"):
    lines = [
        f"MSH|^~\\&|FROTTIS||LIS||20260302||ORU^R01^ORU_R01|{control_id}|P|2.5.1||||||UNICODE UTF-8",
        fictitious_patient(specimen).pid,
        f"ORC|RE|{placer}^SIMLIS",
        f"OBR|1|{placer}^SIMLIS||SMEAR" + "|" * 21 + status,
        *([] if status == "I" else [f"OBX|1|NM|26446-5^Blasts^LN||{result}|%|||||P"]),
        f"SPM|1|{specimen}||BLD",
    ]
    return "".join(f"{line}\r" for line in lines).encode()


def answer(content):
    """MSA-1 of an answer; nothing when the connection was closed instead."""
    return content and next(value(row, 1) for row in segments(content) if row[0] == "MSA")


def send(address, content, timeout_s=60.0):
    with socket.create_connection(address, timeout_s) as connection:
        wire = Wire(connection)
        wire.write(content)
        return answer(wire.read())
