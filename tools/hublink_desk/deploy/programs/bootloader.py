# Resets the board into its boot ROM.
import machine

machine.bootloader()
