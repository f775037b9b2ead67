# What a board freezes, for the reference interpreter of the desk. UMQTT_DIR holds umqtt/simple.py.
include("$(MPY_DIR)/extmod/asyncio")
module("umqtt/simple.py", base_path="$(UMQTT_DIR)")
include("../manifest.py")
module("board.py", base_path=".")
