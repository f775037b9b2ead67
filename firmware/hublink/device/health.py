# What a start of the device knows of the one before, and leaves to the next: in memory that outlives a
# reset what changes every second, in flash what happens once.
from micropython import const

from .. import ladder, limits, link
from . import system

# In the second number kept: three bits for the state of the link, above it the heap.
_STATE_BITS = const(3)


class Health:
    """One start. board: the board module; notes: a storage.Notes, written once here.

    boot: number of this start. safe: the last ones failed, and it is to do without the user's code.
    crash: what there is to report of the last crash, a dict, or None.
    """

    def __init__(self, board, notes):
        self._board = board
        self.notes = notes
        values = notes.values
        cause = board.reset_cause()
        up_s, word = board.kept()  # nothing after power loss, or where somebody left in good order
        self.boot = values.get("boot", 0) + 1
        self.bad = values.get("bad", 0)  # starts in a row that were over too soon
        self.crash = values.get("crash")
        error = values.get("error")
        if error or (word and cause != "deep_sleep"):
            if word and up_s < limits.GOOD_S:
                self.bad += 1
            if error or not self.crash:
                self.crash = {
                    "boot": self.boot - 1,
                    "cause": cause,
                    "up_s": up_s,
                    "link": link.NAMES[min(word & 7, link.ONLINE)],
                    "heap_low": word >> _STATE_BITS,
                    "error": error,
                }
        self.safe = self.bad >= limits.BAD_BOOTS
        notes.save(boot=self.boot, bad=self.bad, crash=self.crash, error=None)
        system.collect()
        self.goodbye = self.leave  # what there is to do when somebody ends the program
        self._up_s = self._online_s = system.uptime_s()
        self._state = link.DOWN
        if not board.maintenance():
            self._keep()

    def _keep(self):
        self._board.keep(self._up_s, system.heap_low() << _STATE_BITS | self._state)

    # To be called once a turn, with the Link. Returns why the device had better be reset, mostly None.
    def tick(self, at):
        up_s = system.uptime_s()
        if up_s == self._up_s and at.state == self._state:
            return None
        self._up_s = up_s
        self._state = at.state
        self._keep()
        if self.bad and up_s >= limits.GOOD_S:
            self.bad = 0
            self.notes.save(bad=0)
        if at.state == link.ONLINE and not self.safe:  # the program is given another chance in any case
            self._online_s = up_s
        if up_s - self._online_s < limits.RESTART_S:
            return None
        if self.safe:
            return "safe_mode"
        return at.reason if ladder.is_at_end(at.reason) else None

    # The report of the crash is a message now.
    def told(self):
        self.notes.save(crash=None)

    # The device leaves in good order: whatever ends it now is no crash.
    def leave(self):
        self._board.keep(0, 0)

    # An exception that nobody caught, and nobody watches a device in the field: it starts again. Where that
    # mends nothing, the exception goes on to the REPL.
    def crashed(self, e):
        if self.safe or type(e).__name__ == "ConfigError":  # the class was unloaded, most likely
            raise e
        self._reset(system.print_exception(e))

    # A reset on purpose. What was not reported yet is worth more than its reason.
    def restart(self, reason):
        self._reset("" if self.crash else reason)

    def _reset(self, error):
        try:
            self.notes.save(error=error[-limits.ERROR_LEN :])
        finally:
            system.sleep_ms(limits.RESET_PAUSE_MS)
            self._board.reset()
