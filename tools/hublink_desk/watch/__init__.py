"""`hublink watch`: the fleet as its hub sees it."""
