# Upstream's own set first, then hublink; upstream freezes umqtt.simple itself.
include("$(PORT_DIR)/boards/manifest.py")
include("../manifest.py")
module("chip_esp32.py", base_path="..")
module("board.py", base_path=".")
