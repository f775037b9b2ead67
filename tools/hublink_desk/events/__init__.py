"""Follows what the hubs of a fleet report, over MQTT and by webhook, as one stream of records."""
