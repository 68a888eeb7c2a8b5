"""By when a slide's report is promised, and how long nothing may come of a scan before it is held."""

from datetime import timedelta

from services.ingestion.orders import OrderStore
from services.ingestion.settings import IngestionSettings
from services.ingestion.slides.files import read_barcode
from services.kit.contracts import Priority
from services.kit.specimens import is_specimen_number


class Promises:
    """What the settings promise, to whom `orders` says that it is urgent."""

    def __init__(self, settings: IngestionSettings, orders: OrderStore) -> None:
        self._settings = settings
        self._orders = orders
        urgencies = (Priority.PRIORITY_ROUTINE, Priority.PRIORITY_STAT)
        self._shortest_s = min(map(self._in_time_s, urgencies))

    def promise(self, urgency: Priority.ValueType) -> timedelta:
        """From scan complete to report acknowledged."""
        stat = urgency == Priority.PRIORITY_STAT
        return timedelta(seconds=self._settings.stat_promise_s if stat else self._settings.promise_s)

    def limit_s(self, name: str, still_s: float) -> float:
        """How many s a scan that cannot be read may stay as it is; `still_s` is for how long it has.

        The LIS is told in time of a scan that it ordered. Its barcode is often there before the scan is, and is looked
        at only once it may matter.
        """
        if still_s < min(self._shortest_s, self._settings.incomplete_limit_s):
            return self._settings.incomplete_limit_s
        specimen = as_read(read_barcode(self._settings.share / name))
        if not self._orders.awaited(specimen):
            return self._settings.incomplete_limit_s
        return min(self._settings.incomplete_limit_s, self._in_time_s(self._orders.urgency(specimen)))

    def _in_time_s(self, urgency: Priority.ValueType) -> float:
        promise_s = self.promise(urgency).total_seconds()
        return promise_s - min(self._settings.notice_s, promise_s / 2)


def as_read(barcode: str | None) -> str:
    """The barcode, where an order could name it as its specimen, whether it fits the rule or not.

    A scan that is held for its barcode is then told to the LIS that ordered just this number.
    """
    return barcode if barcode and is_specimen_number(barcode) else ""
