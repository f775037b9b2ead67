"""The reference interpreter: MicroPython's unix port with the boards' words, TLS options and TLS memory.

It does what the boards do and packaged interpreters do not: words of 32 bits, TLS 1.2 alone with 18 cipher
suites, certificates in DER alone, and TLS memory in the garbage-collected heap. Memory and instructions are
measured on it.
"""

from .instructions import count_instructions
from .interpreter import FROZEN, PLAIN, Unavailable, build

__all__ = ["FROZEN", "PLAIN", "Unavailable", "build", "count_instructions"]
