# One module per hub; each has FIELDS (its settings, see config.py), CREDENTIALS (which files prove the
# device), a class Hub and, if it reports errors, parse (a message on their topic as an Event). Beside them
# eventgrid, what Azure reports to applications. Pure.
NAMES = ("generic", "scaleway", "clearblade", "omnicore", "azure")


# The module of the hub of that name, loaded when it is asked for; ValueError if there is none.
def module(name):
    if name not in NAMES:
        raise ValueError("expected one of " + ", ".join(NAMES))
    return __import__("hublink.hubs." + name, None, None, (name,))
