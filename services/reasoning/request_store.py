"""Every round that was asked for. Every call works within the caller's transaction."""

from sqlalchemy import Connection, select

from services.kit.contracts import ReadingRequest
from services.kit.database import upsert
from services.reasoning.rows import content
from services.reasoning.tables import READINGS, REQUESTS


class RequestStore:
    """The last request for each further round of a slide, on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def put(self, request: ReadingRequest, cause: str) -> bool:
        """Record a request and the message that it follows from; False when it is what was asked for last."""
        slide_id, message = request.slide.slide_id, content(request)
        query = select(REQUESTS.c.message).where(REQUESTS.c.slide_id == slide_id, REQUESTS.c.round == request.round)
        if self._connection.execute(query).scalar_one_or_none() == message:
            return False
        row = {"slide_id": slide_id, "round": request.round, "cause": cause, "message": message}
        upsert(self._connection, REQUESTS, row)
        return True

    def caused_by(self, cause: str) -> list[ReadingRequest]:
        """What was asked for because of that message, and neither otherwise since nor answered by a reading."""
        answered = select(READINGS.c.round).where(
            READINGS.c.slide_id == REQUESTS.c.slide_id, READINGS.c.round == REQUESTS.c.round
        )
        asked = select(REQUESTS.c.message).where(REQUESTS.c.cause == cause, ~answered.exists())
        query = asked.order_by(REQUESTS.c.slide_id)
        return [ReadingRequest.FromString(message) for message in self._connection.execute(query).scalars()]
