# The token that proves the device where the password is one: when it is made, and used for 80 % of its life.
# Pure.


class Token:
    """sign: that of a Hub (hubs/clearblade.py); life_s: how long a token is good for."""

    def __init__(self, sign, life_s):
        self._sign = sign
        self._life_s = life_s
        self.drop()

    # A new one is needed for the next connection.
    def drop(self):
        self.value = None  # the token (bytes), once there is one
        self._signing = None

    # Is it time for a new one? Also when the clock was found to be far off since: the hub's view counts.
    def is_old(self, now_s):
        return not self.value or abs(now_s - self._issued_s) >= self._life_s * 4 // 5

    # Does one slice of the work; True once there is a token for a connection that begins now.
    def make(self, now_s):
        if not self.is_old(now_s):
            return True
        if not self._signing:
            self._issued_s = now_s
            self._signing = self._sign(now_s, now_s + self._life_s)
        self.value = next(self._signing)
        if self.value:
            self._signing = None
        return not self.is_old(now_s)
