"""The parts of `tools/setup_desk.py`. They run before anything is installed: standard library only."""
