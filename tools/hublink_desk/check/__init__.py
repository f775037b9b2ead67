"""`hublink config check`: a configuration and its files, as the device and its hub see them."""
