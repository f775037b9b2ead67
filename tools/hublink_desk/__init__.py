"""The desk side of hublink: one command line tool, `hublink`."""
