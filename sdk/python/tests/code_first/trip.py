"""A saga: what was reserved is cancelled, in reverse order, when something later fails."""

import sluice


class Full(Exception):
    pass


reserved, cancelled = [], []


@sluice.function(replay="never", outputs="id")
def reserve(what: str, trip: dict) -> str:
    if what in trip["full"]:
        raise Full(f"no {what} left")
    reserved.append(what)
    return f"{what}-1"


@sluice.function(replay="never", outputs="done")
def cancel(id: str, why: dict) -> bool:
    cancelled.append(id)
    return True


@sluice.workflow
def trip(trip: dict):
    hotel = reserve.options(name="hotel")("hotel", trip)
    car = reserve.options(name="car", after=hotel, catch=lambda error: sluice.set(failure=error))("car", trip)
    flight = reserve.options(
        name="flight",
        after=car,
        when=sluice.has(car.id),
        catch=sluice.catch(lambda error: sluice.set(failure=error), errors=[Full, "Timeout"]),
        timeout=30,
        retry={"attempts": 3, "backoff": "1s"},
    )("flight", trip)
    failed = sluice.set.options(name="failed")(why=sluice.first(car.failure, flight.failure))
    no_car = cancel.options(name="no_car", after=flight)(car.id, failed)
    cancel.options(name="no_hotel", after=no_car)(hotel, failed)
    sluice.fail.options(when=sluice.has(failed), after=no_car)(failed.name, f"{failed.message}: trip {trip.number}")
    return {"hotel": hotel, "car": car.id, "flight": flight.id}
