# What the device makes of configurations: parse_config.py FILE, which has one a line, in hex. Prints for each
# the settings as JSON, or the complaint.
import json
import sys
from binascii import unhexlify

from hublink import config

with open(sys.argv[1]) as f:
    for line in f:
        try:
            print(json.dumps(config.parse(unhexlify(line.strip()))))
        except config.ConfigError as e:
            print("refused:", str(e).split("\n")[0])
