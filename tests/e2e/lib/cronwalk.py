"""When a cron expression comes, the slow way: every minute of a stretch of time is looked at, with Python's own zoneinfo.

Shares nothing with the host but docs/schedules.md: fields become sets of numbers, local minutes are dates of Python's calendar, and what a
zone makes of them is found by asking for each of them."""
import calendar
import datetime
import zoneinfo

UTC = datetime.timezone.utc
MINUTE = datetime.timedelta(minutes=1)
MONTHS = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split()
WEEKDAYS = "SUN MON TUE WED THU FRI SAT".split()
BOUNDS = {"second": (0, 59, []), "minute": (0, 59, []), "hour": (0, 23, []), "day": (1, 31, []),
          "month": (1, 12, MONTHS), "weekday": (0, 7, WEEKDAYS)}


class Field:
    """The numbers of one field, and what only days know as functions of a date."""

    def __init__(self, name, text):
        self.name, self.text = name, text.upper()
        self.numbers, self.tests = set(), []
        self.open = text in ("*", "?")
        self.star = "*" in text
        for item in self.text.split(","):
            self.take(item)

    def number(self, word, ends_range=False):
        low, _, names = BOUNDS[self.name]
        if word in names:
            return 7 if ends_range and word == "SUN" else low + names.index(word)
        return int(word)

    def take(self, item):
        low, high, _ = BOUNDS[self.name]
        if item == "?":
            self.numbers |= set(range(low, high + 1))
        elif self.name == "day" and item == "L":
            self.tests.append(lambda d: d.day == month_length(d))
        elif self.name == "day" and item == "LW":
            self.tests.append(lambda d: d.day == last_workday(d))
        elif self.name == "day" and item.endswith("W"):
            self.tests.append(lambda d, n=int(item[:-1]): n <= month_length(d) and d.day == nearest_workday(d, n))
        elif self.name == "weekday" and "#" in item:
            word, nth = item.split("#")
            self.tests.append(lambda d, w=self.number(word) % 7, n=int(nth): weekday(d) == w and (d.day - 1) // 7 + 1 == n)
        elif self.name == "weekday" and item.endswith("L"):
            self.tests.append(lambda d, w=self.number(item[:-1]) % 7: weekday(d) == w and d.day + 7 > month_length(d))
        else:
            span, _, step = item.partition("/")
            first, dash, last = span.partition("-")
            if span == "*":
                numbers = range(low, high + 1)
            elif dash:
                numbers = range(self.number(first), self.number(last, True) + 1)
            else:
                numbers = range(self.number(first), (high if step else self.number(first)) + 1)
            self.numbers |= set(numbers[::int(step or 1)])
        if self.name == "weekday" and 7 in self.numbers:
            self.numbers.add(0)

    def matches(self, d):
        value = weekday(d) if self.name == "weekday" else getattr(d, self.name)
        return value in self.numbers or any(test(d) for test in self.tests)


def weekday(d):
    return (d.weekday() + 1) % 7


def month_length(d):
    return calendar.monthrange(d.year, d.month)[1]


def last_workday(d):
    return max(n for n in range(1, month_length(d) + 1) if d.replace(day=n).weekday() < 5)


def nearest_workday(d, n):
    days = [k for k in range(1, month_length(d) + 1) if d.replace(day=k).weekday() < 5]
    return min(days, key=lambda k: (abs(k - n), -k if d.replace(day=n).weekday() == 6 else k))


class Expression:
    def __init__(self, text, days="or"):
        words = text.split()
        self.seconds = sorted(Field("second", words[0]).numbers) if len(words) == 6 else [0]
        self.fields = {name: Field(name, word) for name, word in zip(["minute", "hour", "day", "month", "weekday"], words[-5:])}
        starred = words[:-3]
        self.fixed = not any("*" in word for word in starred)
        self.days = days
        self.of_day = {}

    def matches(self, d):
        """A naive local minute."""
        if d.hour not in self.fields["hour"].numbers or d.minute not in self.fields["minute"].numbers:
            return False
        if d.date() not in self.of_day:
            self.of_day[d.date()] = self.matches_day(d)
        return self.of_day[d.date()]

    def matches_day(self, d):
        day, week = self.fields["day"], self.fields["weekday"]
        if not self.fields["month"].matches(d):
            return False
        if day.open or week.open or self.days == "and":
            return day.matches(d) and week.matches(d)
        return day.matches(d) or week.matches(d)


class Stretch:
    """All minutes of [begin, end) in a zone: those that are, and local ones that are not. Costly once, cheap for each expression."""

    def __init__(self, zone, begin, end):
        self.begin, self.end = begin, end
        tz = zoneinfo.ZoneInfo(zone)
        self.real = []  # (instant, local minute)
        instant = begin
        while instant < end:
            self.real.append((instant, instant.astimezone(tz).replace(tzinfo=None)))
            instant += MINUTE
        self.passes = {}
        day = datetime.timedelta(days=2)
        instant = begin - day
        while instant < end + day:
            self.passes.setdefault(instant.astimezone(tz).replace(tzinfo=None), []).append(instant)
            instant += MINUTE
        self.gaps = []  # (local minute, the instant it would have been, the first instant after the gap)
        local, last = min(self.passes), max(self.passes)
        while local < last:
            if local not in self.passes:
                would = local.replace(tzinfo=tz).astimezone(UTC)  # fold=0: by the clock before
                after = local
                while after not in self.passes:
                    after += MINUTE
                self.gaps.append((local, would, self.passes[after][0]))
            local += MINUTE

    def times(self, e, dst):
        """[(instant, nominal local time, mark)] in order; of what is left out the instant it would have been."""
        out, taken = [], set()
        for instant, local in self.real:
            if not e.matches(local):
                continue
            passes = self.passes[local]
            second = len(passes) > 1 and passes.index(instant)
            if e.fixed and dst != "both" and second:
                continue
            mark = "" if len(passes) == 1 else "overlap_2" if second else "overlap_1"
            for s in e.seconds:
                out.append(at(instant, local, s, mark))
                taken.add(out[-1][0])
        for local, would, after in self.gaps if e.fixed else []:
            for s in e.seconds if e.matches(local) else []:
                moved = after if dst == "vixie" else at(would, local, s, "")[0]
                if dst in ("skip", "both"):
                    out.append((moved, local + datetime.timedelta(seconds=s), "gap_skipped"))
                elif moved not in taken:
                    out.append((moved, local + datetime.timedelta(seconds=s), "gap_moved"))
                    taken.add(moved)
        return sorted(t for t in out if self.begin <= t[0] < self.end)


def at(instant, local, second, mark):
    more = datetime.timedelta(seconds=second)
    return instant + more, local + more, mark
