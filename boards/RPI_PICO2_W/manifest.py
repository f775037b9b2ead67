# Upstream's own set first, then hublink; upstream has no umqtt.simple here.
include("$(BOARD_DIR)/manifest.py")
require("umqtt.simple")
include("../manifest.py")
module("chip_rp2.py", base_path="..")
module("board.py", base_path=".")
