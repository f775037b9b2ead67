"""A plan out of a seed: storms of one to six events with calm between them, over several virtual hours."""

import random

from .elements import ELEMENTS, Spell
from .plan import Event, Plan
from .weather import BOARDS

_STORM_S = 240  # from the first event's beginning to the last one's
_CALM_S = (100, 1500)  # from the end of a storm to the next
_LONGEST_S, _SHORTEST_S = 4 * 3600, 3600

# Few other things lose messages.
_KINDS = (*ELEMENTS, *("power cut", "flash cut") * 2)


def forecast(seed):
    """The plan of that seed."""
    chance = random.Random(seed)
    wraps_s = chance.choice((30, 300, 3600, chance.randrange(1, _SHORTEST_S)))
    return Plan(
        seed=seed,
        board=chance.choice(BOARDS),
        qos=chance.choice(((0,), (1,), (2,), (1, 2), (0, 1, 2))),
        every_s=chance.choice((2, 5, 10, 30)),
        keeps_session=chance.random() < 0.5,
        outbox_len=chance.choice((512, 2048, 4096, 16384)),
        window=chance.choice((1, 2, 8, 16)),
        wraps_s=wraps_s,
        first_id=chance.choice((1, 65530, chance.randrange(1, 65536))),
        events=tuple(_events(chance)),
    )


def _events(chance):
    events = []
    at_s = chance.uniform(0, 120)
    end_s = chance.uniform(_SHORTEST_S, _LONGEST_S)
    while at_s < end_s:
        storm = sorted(
            (_event(chance, at_s) for _ in range(chance.randint(1, 6))), key=lambda event: event.at_s
        )
        events += storm
        at_s = max(event.end_s for event in storm) + chance.uniform(*_CALM_S)
    return events


def _event(chance, at_s):
    kind = chance.choice(_KINDS)
    element = ELEMENTS[kind]
    for_s = 0
    if isinstance(element, Spell):
        for_s = element.longest_s ** chance.random()  # as many of 1 to 10 seconds as of 10 to 100
    return Event(
        at_s=round(at_s + chance.uniform(0, _STORM_S), 3),
        for_s=round(for_s, 3),
        kind=kind,
        value=chance.choice(element.values),
    )
