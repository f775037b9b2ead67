# Prints the SHA-256 of each of the files `paths`, in a list of texts.
import binascii
import hashlib

buffer = memoryview(bytearray(1024))


def digest(path):
    found = hashlib.sha256()
    with open(path, "rb") as f:
        while True:
            length = f.readinto(buffer)
            if not length:
                break
            found.update(buffer[:length])
    return binascii.hexlify(found.digest()).decode()


print(repr([digest(path) for path in paths]))  # noqa: F821 - the desk gives them
