"""Scaleway IoT Hub (hub-dialects, section 2)."""
