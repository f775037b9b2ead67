"""`hublink bench`: hublink, umqtt.simple and a hand-written minimum, on the same interpreter and broker.

Counts, not times, wherever that says more: writes, TLS records, bytes, heap bytes and instructions for each
message. Only the messages per second over a long way are a time, and the way is most of it.
"""
