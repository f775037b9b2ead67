"""The fleet: an authority, the identities of devices, and the inventory that names them.

fleet/
  inventory.toml         the devices, for people
  ca/                    the authority: ca.cert.pem, ca.cert.der, ca.key.pem
  devices/sensor-1/      what goes onto the board: config.json, ca.der, device.der, device.key.der
    console/             what the hub's console is given: device.cert.pem, device.public.pem
"""
