"""`hublink doctor`: how a board is, in one report that can be pasted into a bug."""
