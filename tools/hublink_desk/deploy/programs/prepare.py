# Makes `folders` where they are not there, and removes the files `leftovers`.
import os

for path in folders:  # noqa: F821 - the desk gives them
    try:
        os.mkdir(path)
    except OSError as e:
        if e.errno != 17:  # EEXIST
            raise
for path in leftovers:  # noqa: F821
    os.remove(path)
print(None)
