"""`make simulate`: many plans, or one. Exit code 1 if an invariant did not hold, or a planted bug hides."""

import argparse
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from host_tests.fakes import World

from .forecast import forecast
from .plan import Plan
from .planted import BUGS, seeds_until_found
from .shrink import shrink
from .simulate import simulate
from .weather import CONNECT_S

_DAY_S = 86400


def main(arguments=None):
    """Runs what the arguments ask for, and prints what came of it. Returns the exit code."""
    options = _options(arguments)
    if options.quiet:
        return _spend_a_quiet_day()
    if options.planted:
        return _find_planted(options.seeds, options.processes)
    if options.plan:
        plans = [Plan.from_json(Path(options.plan).read_text("utf-8"))]
    elif options.seed is not None:
        plans = [forecast(options.seed)]
    else:
        plans = map(forecast, range(options.first, options.first + options.seeds))
    began_s = time.monotonic()
    with ProcessPoolExecutor(options.processes) as pool:
        outcomes = list(_watched(pool.map(simulate, plans, chunksize=4)))
        failures = [outcome for outcome in outcomes if outcome.failure]
        for shortest in pool.map(_shortest, failures):
            print(f"\nseed {shortest.plan.seed}: {shortest.failure}\nthe shortest plan found:")
            print(shortest.plan.to_json())
    print(summary(outcomes, time.monotonic() - began_s))
    return 1 if failures else 0


def _options(arguments):
    parser = argparse.ArgumentParser("make simulate", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many plans to run")
    parser.add_argument("--first", type=int, default=0, help="seed of the first of them")
    parser.add_argument("--seed", type=int, help="run the plan of this seed alone")
    parser.add_argument("--plan", metavar="FILE", help="run the plan in this file, as a failure prints it")
    parser.add_argument(
        "--planted", action="store_true", help="count the seeds that it takes to find each planted bug"
    )
    parser.add_argument(
        "--quiet", action="store_true", help="a day of a node that nothing happens to: how fast it is"
    )
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="how many at a time")
    return parser.parse_args(arguments)


def _spend_a_quiet_day():
    with World("RPI_PICO_W") as world:
        world.boot(None)
        world.run(until=world.online, limit_s=CONNECT_S)
        began_s = time.monotonic()
        world.run(for_s=_DAY_S)
        print(f"simulate: a quiet day at {_DAY_S / (time.monotonic() - began_s):.0f} times real time")
    return 0


def _find_planted(most, processes):
    with ProcessPoolExecutor(processes) as pool:
        counts = list(pool.map(seeds_until_found, BUGS, [most] * len(BUGS)))
    for name, count in zip(BUGS, counts, strict=True):
        print(f"{name}: {'found' if count else 'not found'} after {count or most} seeds")
    return 0 if all(counts) else 1


# Says on stderr how far it is, every hundred plans.
def _watched(outcomes):
    for count, outcome in enumerate(outcomes, 1):
        if outcome.failure:
            print(f"seed {outcome.plan.seed} failed: {outcome.rule}", file=sys.stderr, flush=True)
        if count % 100 == 0:
            print(f"{count} plans", file=sys.stderr, flush=True)
        yield outcome


def _shortest(outcome):
    """The Outcome of the shortest plan that fails as this one did."""
    return simulate(shrink(outcome.plan, lambda plan: simulate(plan).rule == outcome.rule))


def summary(outcomes, wall_s):
    """One paragraph of figures. wall_s: how long all of it took."""
    virtual_s = sum(outcome.virtual_s for outcome in outcomes)
    failed = sum(outcome.failure is not None for outcome in outcomes)
    events = sum(len(outcome.plan.events) for outcome in outcomes)
    boots = sum(outcome.boots for outcome in outcomes)
    return (
        f"simulate: {len(outcomes)} plans, {events} events, {boots} starts, {failed} failed\n"
        f"          {virtual_s / 3600:.1f} virtual hours ({virtual_s / 86400 / 365:.2f} years) "
        f"in {wall_s:.0f} s: {virtual_s / wall_s:.0f} times real time"
    )


if __name__ == "__main__":
    sys.exit(main())
