# Maintenance mode: the node and its watchdog stay off over resets, so that the REPL and mpremote can
# work for as long as they like. On rp2 a running watchdog cannot be stopped, only not started.
import board


# Enters (True) or leaves (False) maintenance mode: keeps the flag, then resets the board.
def maintenance(on):
    board.keep(0, 0)  # this reset is no crash
    board.set_maintenance(on)
    board.reset()
