# Prints True in maintenance mode, False outside, None where there is no hublink that has one.
try:
    import board

    print(board.maintenance())
except Exception:
    print(None)
