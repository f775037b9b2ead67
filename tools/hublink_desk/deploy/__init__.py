"""`hublink deploy`, and what other verbs that talk to a board share with it.

`remote` is the raw REPL of mpremote, `programs/` what runs on the board. To put a version in place is the
board's own part: firmware/boot.py.
"""
