"""What the benchmark measures, as a list of figures; and the tables a person reads, made of nothing else.

A figure is a dict with the keys of COLUMNS. Cells with several values give them in the order of CONTENDERS.
"""

from .measure import CONTENDERS, MESSAGES, RTT_S, TRANSPORTS, WINDOWS, is_possible

COLUMNS = ("what", "transport", "contender", "figure", "value")
NAMES = {"hublink": "hublink", "umqtt": "umqtt.simple", "limit": "the limit", "tls": "TLS", "plain": "plain"}
_NONE = "-"

# design.md section 6
_RECORDS_MAX = 1
_HEAP_MAX_LEN = 0
_UMQTT_MAX, _LIMIT_MAX = 0.65, 1.6
_RATE_MIN = 0.9


def message_name(work, qos):
    return f"{work} QoS {qos}"


def window_name(window):
    return f"window {window}"


def measure_counts(bench):
    """Generates the figures that are always the same, but for instructions: where what goes over a wire or
    into memory."""
    for transport, (work, qos), contender in _messages():
        found = bench.message(contender, transport, work, qos)
        yield from _figures(message_name(work, qos), transport, contender, found)
    for transport in TRANSPORTS:
        for contender in CONTENDERS:
            found = bench.first_publish(contender, transport)
            yield from _figures("first publish", transport, contender, found)
    for contender in CONTENDERS[:2]:
        yield from _figures("import", "", contender, bench.footprint(contender))


def measure_work(bench):
    """Generates the figures that depend on how it is done: instructions, and messages per second."""
    for transport, (work, qos), contender in _messages():
        found = {"instructions": bench.instructions(contender, transport, work, qos)}
        yield from _figures(message_name(work, qos), transport, contender, found)
    for contender, windows in (("hublink", WINDOWS), ("umqtt", (1,))):
        for window in windows:
            found = {"messages/s": bench.rate(contender, window)}
            yield from _figures(window_name(window), "tls", contender, found)


def _messages():
    for transport in TRANSPORTS:
        for work, qos in MESSAGES:
            for contender in CONTENDERS:
                if is_possible(contender, work, qos):
                    yield transport, (work, qos), contender


def _figures(what, transport, contender, found):
    for figure, value in found.items():
        yield dict(zip(COLUMNS, (what, transport, contender, figure, value), strict=True))


class Report:
    """The tables of a list of figures.

    Args:
        figures: what `measure_counts` and, if there are to be budgets, `measure_work` generate.
    """

    def __init__(self, figures):
        self._values = {tuple(figure[key] for key in COLUMNS[:-1]): figure["value"] for figure in figures}

    def tables(self):
        """All of them, as a list of (title, list of column names, list of rows: lists of str)."""
        return [self.messages(), self.connection(), self.budgets()]

    def messages(self):
        columns = ["each message", "writes", "TLS records", "bytes", "heap bytes", "instructions"]
        rows = []
        for transport in TRANSPORTS:
            for work, qos in MESSAGES:
                where = (message_name(work, qos), transport)
                sent = [self._cell(*where, figure) for figure in ("writes", "records", "bytes", "heap")]
                counted = self._cell(*where, "instructions")
                ratios = [_text(self._ratio(*where, to)) for to in ("umqtt", "limit")]
                rows.append([f"{where[0]}, {NAMES[transport]}", *sent, counted, *ratios])
        title = "Sent for a message with 17 bytes of topic and 100 of payload: " + " · ".join(
            NAMES[contender] for contender in CONTENDERS
        )
        return title, [*columns, "x umqtt", "x limit"], rows

    def connection(self):
        rows = []
        for transport, figure, name in (
            ("tls", "round_trips", "round trips"),
            ("tls", "records", "records"),
            ("plain", "round_trips", "round trips"),
        ):
            head = f"connect to first publish acknowledged, {NAMES[transport]}: {name}"
            rows.append([head, *self._cells("first publish", transport, figure)])
        for window in WINDOWS:
            head = f"QoS 1 messages/s, round trip of {1000 * RTT_S:.0f} ms, {window_name(window)}"
            rows.append([head, *self._cells(window_name(window), "tls", "messages/s")])
        for figure, name in (("mpy", ".mpy, bytes"), ("heap", "heap after import, bytes")):
            rows.append([name, *self._cells("import", "", figure)])
        return "A connection", ["connection", *(NAMES[contender] for contender in CONTENDERS)], rows

    def budgets(self):
        records = max(self._of_hublink(message_name("publish", qos), "tls", "records") for qos in (0, 1))
        heap = max(
            self._of_hublink(message_name(*message), transport, "heap")
            for transport in TRANSPORTS
            for message in MESSAGES
        )
        rows = [
            _judged("TLS records of a publish, QoS 0 and 1", records, most=_RECORDS_MAX),
            _judged("heap bytes of any message", heap, most=_HEAP_MAX_LEN),
        ]
        for work in ("publish", "receive"):
            where = (message_name(work, 0), "tls")
            for to, most in (("umqtt", _UMQTT_MAX), ("limit", _LIMIT_MAX)):
                head = f"instructions, {where[0]}, TLS: x {NAMES[to]}"
                rows.append(_judged(head, self._ratio(*where, to), most=most))
        for window in WINDOWS:
            rate = self._of_hublink(window_name(window), "tls", "messages/s")
            head = f"QoS 1 messages/s, {window_name(window)}: x window/RTT"
            rows.append(_judged(head, rate * RTT_S / window, least=_RATE_MIN))
        return "The budgets", ["budget", "hublink", "wanted", "met"], rows

    def _of_hublink(self, what, transport, figure):
        return self._values[what, transport, "hublink", figure]

    def _ratio(self, what, transport, to):
        """hublink's instructions by those of another; None where it has none."""
        other = self._values.get((what, transport, to, "instructions"))
        return other and self._of_hublink(what, transport, "instructions") / other

    def _cells(self, what, transport, figure):
        return [_text(self._values.get((what, transport, contender, figure))) for contender in CONTENDERS]

    def _cell(self, *where):
        return " · ".join(self._cells(*where))


def _judged(what, value, most=None, least=None):
    if least is not None:
        return [what, _text(value), f"≥ {_text(least)}", "yes" if value >= least else "no"]
    return [what, _text(value), f"≤ {_text(most)}", "yes" if value <= most else "no"]


def _text(value):
    if value is None:
        return _NONE
    if value == int(value) or value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def markdown(tables):
    """Tables as README.md shows them."""
    lines = []
    for title, columns, rows in tables:
        lines += [title + ".", ""]
        lines += [_line(cells) for cells in (columns, ["---"] * len(columns), *rows)]
        lines += [""]
    return "\n".join(lines[:-1])


def _line(cells):
    return "| " + " | ".join(cells) + " |"
