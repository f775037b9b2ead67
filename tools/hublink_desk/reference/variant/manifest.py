# All that the plain reference interpreter freezes; every board's upstream manifest has it too.
include("$(MPY_DIR)/extmod/asyncio")
