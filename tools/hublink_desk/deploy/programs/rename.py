# Renames `old` to `new`, in one step that power loss does not divide.
import os

os.rename(old, new)  # noqa: F821 - the desk gives them
print(None)
