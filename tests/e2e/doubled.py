"""A transport that delivers every message twice, and all of them once more when asked."""

import random
from dataclasses import replace

from services.kit import process
from services.kit.wires import open_wire


class Doubling:
    """Everything that is sent stands in the log twice, so each group of consumers gets it twice."""

    def __init__(self, transport):
        self._transport = transport
        self.sent = []

    def __getattr__(self, name):
        return getattr(self._transport, name)

    def producer(self):
        return DoublingProducer(self._transport.producer(), self.sent)

    def send_again(self, seed):
        """Every message of the run once more, in an order that has nothing to do with the first."""
        again = self.sent[:]
        random.Random(seed).shuffle(again)
        self._transport.producer().send(again)


class DoublingProducer:
    def __init__(self, producer, sent):
        self._producer = producer
        self._sent = sent

    def send(self, messages):
        messages = list(messages)
        self._producer.send([copy for message in messages for copy in (message, message)])
        self._sent += messages


def doubled(monkeypatch):
    """Every process that starts delivers twice; the transports, as they are opened."""
    opened = []

    def open_doubled(*arguments):
        wire = open_wire(*arguments)
        opened.append(Doubling(wire.transport))
        return replace(wire, transport=opened[-1])

    monkeypatch.setattr(process, "open_wire", open_doubled)
    return opened
