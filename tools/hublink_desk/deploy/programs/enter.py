# Resets the board into maintenance mode, as hublink.maintenance(True) does, but needs no more of hublink.
import board

board.keep(0, 0)  # this reset is no crash
board.set_maintenance(True)
board.reset()
