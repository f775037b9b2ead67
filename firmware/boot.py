# Runs before main.py. Nothing here may fail, and nothing here starts anything.
try:
    import board

    if board.maintenance():
        print("hublink: maintenance mode; neither node nor watchdog runs. To leave it:")
        print("hublink: import hublink; hublink.maintenance(False)")
except Exception as e:
    print("hublink: boot.py:", e)
