#!/usr/bin/env python3
"""The shared test clock, from the writer's side: see host/base/env.h for the layout and docs/testing.md for the recipe.

    clock = Clock.create("/run/x/clock", wall_ms=1795254000000)
    subprocess.Popen(["jobhost", "run", ...], env={**os.environ, "JOBHOST_TEST_CLOCK": clock.path})
    clock.freeze()
    clock.advance(3600_000)     # an hour passes at once, for all who have the file
    clock.speed(60)             # from now on a minute a second
    clock.set_wall(...)         # the wall clock steps, timers do not notice

Or from a shell:  clock.py FILE create [WALL_MS] | show | freeze | speed RATE | advance MS | set-wall MS
"""
import fcntl
import mmap
import os
import struct
import sys
import time

T0 = 1798790400_000  # 2027-01-01T08:00:00Z
MAGIC = 0x314B434C43484A
LAYOUT = struct.Struct("@QQqqqq")  # magic, seq, base_real_ms, base_test_ms, rate_milli, wall_skew_ms
SEQ_AT, FIELDS_AT = 8, 16
SEQ, FIELDS = struct.Struct("@Q"), struct.Struct("@qqqq")


def real_mono_ms():
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1_000_000


def real_wall_ms():
    return time.time_ns() // 1_000_000


class Clock:
    """An open clock file. Several writers may have one open; each change is made under a lock."""

    def __init__(self, path):
        self.path = os.path.abspath(path)
        self._file = open(path, "r+b")
        self._map = mmap.mmap(self._file.fileno(), LAYOUT.size)
        if LAYOUT.unpack_from(self._map)[0] != MAGIC:
            raise ValueError(f"{path}: not a clock file")

    @classmethod
    def create(cls, path, wall_ms=None, rate=1.0):
        """A clock that begins at `wall_ms` (unix time; default: now). It replaces a file that is there already."""
        real = real_mono_ms()
        skew = (real_wall_ms() if wall_ms is None else int(wall_ms)) - real
        fresh = f"{path}.{os.getpid()}"
        with open(fresh, "wb") as out:
            out.write(LAYOUT.pack(MAGIC, 0, real, real, round(rate * 1000), skew))
        os.rename(fresh, path)  # nobody sees half a file
        return cls(path)

    def close(self):
        self._map.close()
        self._file.close()

    def mono_ms(self):
        return self._times()[0]

    def wall_ms(self):
        mono, _, skew = self._times()
        return mono + skew

    def freeze(self):
        self.speed(0)

    def speed(self, rate):
        """Time passes `rate` times as fast as it really does; 1 is real time, 0 stands still."""
        self._change(lambda mono, _, skew: (mono, round(rate * 1000), skew))

    def advance(self, ms):
        """`ms` milliseconds pass at once."""
        if ms < 0:
            raise ValueError("the monotonic clock does not go back; see set_wall()")
        self._change(lambda mono, rate, skew: (mono + int(ms), rate, skew))

    def set_wall(self, wall_ms):
        """Steps the wall clock, in either direction; the monotonic one goes on as if nothing had happened."""
        self._change(lambda mono, rate, _: (mono, rate, int(wall_ms) - mono))

    def _times(self):
        # this process writes under the lock or reads what a whole write has left
        fcntl.flock(self._file, fcntl.LOCK_SH)
        try:
            return self._unlocked_times(real_mono_ms())
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def _unlocked_times(self, real):
        base_real, base_test, rate, skew = FIELDS.unpack_from(self._map, FIELDS_AT)
        passed = (real - base_real) * rate
        return base_test + (passed // 1000 if passed >= 0 else -(-passed // 1000)), rate, skew

    def _change(self, change):
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            real = real_mono_ms()
            mono, rate, skew = change(*self._unlocked_times(real))
            seq = SEQ.unpack_from(self._map, SEQ_AT)[0] | 1
            SEQ.pack_into(self._map, SEQ_AT, seq)  # odd: readers wait
            FIELDS.pack_into(self._map, FIELDS_AT, real, mono, rate, skew)
            SEQ.pack_into(self._map, SEQ_AT, seq + 1)
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)


def main(arguments):
    if len(arguments) < 2:
        sys.exit(__doc__)
    path, command, values = arguments[0], arguments[1], arguments[2:]
    if command == "create":
        Clock.create(path, *[int(value) for value in values[:1]])
        return
    clock = Clock(path)
    commands = {"freeze": clock.freeze, "speed": clock.speed, "advance": clock.advance, "set-wall": clock.set_wall}
    if command == "show":
        print(f"wall_ms={clock.wall_ms()} mono_ms={clock.mono_ms()}")
    elif command in commands:
        commands[command](*[float(value) for value in values])
    else:
        sys.exit(f"{command}: unknown; try create, show, freeze, speed, advance, set-wall")


if __name__ == "__main__":
    main(sys.argv[1:])
