"""Fetches umqtt.simple: python -m setup_parts.umqtt FILE REGISTRY CERTIFICATES, run by the Python of `.venv`.

pip refuses the archive, which has no setup.py, so it is opened here. Its checksum never changes: what the
registry has released cannot be replaced.
"""

import hashlib
import os
import sys
import tarfile
from pathlib import Path

PROJECT = "micropython-umqtt.simple"
VERSION = "1.3.4"
SHA256 = "b6a2520239e3992c63a7de9370ee9b3d9d27819a90359c521f1c0f7ccab8d12f"
_MAX_LEN = 100_000


def download(archive, registry):
    """Fetches the archive and verifies it against the registry's checksum.

    Args:
        archive: Path of the file to make.
        registry: the address of another registry than the usual one, or "".
    """
    import pypi_simple

    with pypi_simple.PyPISimple(**({"endpoint": registry} if registry else {})) as client:
        try:
            packages = client.get_project_page(PROJECT).packages
        except pypi_simple.NoSuchProjectError:
            packages = []
        found = [each for each in packages if each.version == VERSION and each.package_type == "sdist"]
        if not found:
            raise ValueError(f"the registry has no {PROJECT} {VERSION}")
        client.download_package(found[0], archive, verify=True)


def source_in(archive, sha256):
    """The bytes of umqtt/simple.py in an archive. No name in the archive is ever used as a path.

    Raises:
        ValueError: it is another archive, or one that does not hold one plain file of that name.
    """
    if hashlib.sha256(archive.read_bytes()).hexdigest() != sha256:
        raise ValueError(f"{archive.name} is not the archive of {PROJECT} {VERSION} whose checksum we know")
    with tarfile.open(archive) as opened:
        files = [member for member in opened if member.name.endswith("/umqtt/simple.py")]
        if len(files) != 1 or not files[0].isfile() or files[0].size > _MAX_LEN:
            raise ValueError(f"{archive.name} does not hold one plain file umqtt/simple.py")
        return opened.extractfile(files[0]).read()


def main(file, registry, certificates):
    """Makes the file. The registry and the trusted certificates are the usual ones where they are ""."""
    archive = Path(file).with_suffix(".tar.gz")
    if certificates:
        os.environ["REQUESTS_CA_BUNDLE"] = certificates
    try:
        download(archive, registry)
        Path(file).write_bytes(source_in(archive, SHA256))
    except (OSError, ValueError) as error:  # requests' and pypi-simple's errors are of these families
        sys.exit(f"error: {PROJECT} cannot be fetched: {error}")


if __name__ == "__main__":
    main(*sys.argv[1:])
