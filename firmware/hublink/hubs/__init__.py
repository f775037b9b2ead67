# One module per hub; each has FIELDS (its settings, see config.py), CREDENTIALS (which files prove the
# device), parse (a message on its errors topic as an Event) and a class Hub. Pure.
NAMES = ("generic", "scaleway", "clearblade", "omnicore")


# The module of the hub of that name, loaded when it is asked for; ValueError if there is none.
def module(name):
    if name not in NAMES:
        raise ValueError("expected one of " + ", ".join(NAMES))
    return __import__("hublink.hubs." + name, None, None, (name,))
