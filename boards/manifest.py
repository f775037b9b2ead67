# What every board freezes. Each board's manifest.py includes it and adds what is its own; how upstream's make
# takes that is in docs/boards.md. `hublink build --frozen` leaves all of it out.
metadata(version="0.1.0")
package("hublink", base_path="../firmware")
