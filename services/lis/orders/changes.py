"""What a request makes of an order, known or not: nothing here is stored or told.

| request | order unknown | known, of this patient |
|---|---|---|
| place | placed | as placed, when the specimen is the same; in force again when it was cancelled |
| change | placed | as it now stands; told as cancelled for a specimen that it leaves |
| cancel | 204 | cancelled |

A number that is known for another patient, or is placed for another specimen, is refused: two orders of one number
would give one patient's result to the other. So is a specimen that another patient's order has, until that is cancelled
or answered and removed.
"""

from collections.abc import Sequence
from dataclasses import replace

from services.kit.contracts import Order
from services.lis.hl7.faults import Fault, refuse
from services.lis.orders.identity import same_patient
from services.lis.orders.model import Action, OrderRequest, Standing


def change(
    known: Standing | None, request: OrderRequest, of_specimen: Sequence[Standing] = ()
) -> tuple[Standing, tuple[Order, ...]]:
    """The order after `request`, and the words on it that the other services must hear, none when all was said.

    `of_specimen` are the other orders in force for the wanted specimen.
    The words carry the known order's revision: whoever puts them on record numbers them. Raises Refused (AE).
    """
    if known is not None:
        _check_key(known, request)
    if request.action is not Action.CANCEL:
        _check_specimen(request, of_specimen)
    if known is None:
        return _new(request)
    if request.action is Action.CANCEL:
        after = Standing(_cancelled(known.order), known.echo)
    else:
        after = Standing(request.wanted.message(request.placer.order_id, cancelled=False), request.echo)
    after.order.revision = known.order.revision
    if after.order == known.order:
        return after, ()
    if after.order.specimen == known.order.specimen:
        return after, (after.order,)
    # The order moved to another tube: whoever waits by the old number must not wait for it any more.
    return after, (_cancelled(known.order), after.order)


def _new(request: OrderRequest) -> tuple[Standing, tuple[Order, ...]]:
    if request.action is Action.CANCEL:
        raise refuse("AE", Fault("204", request.place, "the order to cancel is not known here"))
    order = request.wanted.message(request.placer.order_id, cancelled=False)
    return Standing(order, request.echo), (order,)


def _check_key(known: Standing, request: OrderRequest) -> None:
    """A number that is placed is new, or repeats its order; one that is changed or cancelled is this patient's."""
    number = replace(request.place, field=2)
    same = same_patient(known.segment("PID"), request.patient)
    if request.action is not Action.PLACE:
        if not same:
            raise refuse("AE", Fault("204", number, "no order of this number is this patient's"))
    elif not same:
        raise refuse("AE", Fault("205", number, "this order number is in use for another patient"))
    elif request.wanted.specimen != known.order.specimen:
        text = "this order number is in use for another specimen: XO moves an order to another tube"
        raise refuse("AE", Fault("205", number, text))


def _check_specimen(request: OrderRequest, of_specimen: Sequence[Standing]) -> None:
    if not all(same_patient(other.segment("PID"), request.patient) for other in of_specimen):
        raise refuse("AE", Fault("205", request.place, "this specimen number is in use for another patient"))


def _cancelled(order: Order) -> Order:
    copy = Order()
    copy.CopyFrom(order)
    copy.cancelled = True
    return copy
