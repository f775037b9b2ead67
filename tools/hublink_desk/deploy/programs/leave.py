# Resets the board out of maintenance mode, which a board without hublink is not in.
import machine

try:
    import board

    board.keep(0, 0)  # this reset is no crash
    board.set_maintenance(False)
except ImportError:
    pass
machine.reset()
