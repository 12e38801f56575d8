"""The figures of report.json, computed a second time: another reader, another database, queries of its own.

Nothing here looks at the plugin. Reads the same files into SQLite as they stand and follows the rules of plugins/amazon/README.md.
"""
import csv
import datetime
import io
import re
import sqlite3
from collections import defaultdict

EPOCH = datetime.date(1970, 1, 1).toordinal()
EXPONENT = {"JPY": 0}
CHANNELS = {"UK": "Amazon.co.uk", "GB": "Amazon.co.uk", "US": "Amazon.com", "DE": "Amazon.de", "JP": "Amazon.co.jp"}

ALIASES = {  # header, folded: (field, decimal comma)
    "(parent) asin": ("parent", 0), "(child) asin": ("child", 0), "title": ("title", 0), "sku": ("sku", None),
    "sessions - total": ("sessions", 0), "sessions": ("sessions", 0), "page views - total": ("page_views", 0), "page views": ("page_views", 0),
    "featured offer (buy box) percentage": ("buy_box", 0), "buy box percentage": ("buy_box", 0), "units ordered": ("units", 0),
    "ordered product sales": ("sales", 0), "gross product sales": ("sales", 0), "total order items": ("items", 0), "orders placed": ("items", 0),
    "(übergeordnete) asin": ("parent", 1), "(untergeordnete) asin": ("child", 1), "titel": ("title", 1), "sitzungen - gesamt": ("sessions", 1),
    "seitenaufrufe - gesamt": ("page_views", 1), "prozentsatz einkaufswagen": ("buy_box", 1), "bestellte einheiten": ("units", 1),
    "durch bestellte produkte erzielter umsatz": ("sales", 1), "gesamtzahl an bestellposten": ("items", 1),
}
B2B = {"sessions", "units", "sales", "items"}
FIGURES = ["sessions", "page_views", "buy_box", "units", "sales", "items", "sessions_b2b", "units_b2b", "sales_b2b", "items_b2b"]


class Bad(Exception):
    pass


def ratio(a, b, scale=1):
    """round(a * scale / b), halves away from zero."""
    if a is None or b is None or b == 0:
        return None
    n, d = a * scale, b
    if d < 0:
        n, d = -n, -d
    return (2 * n + d) // (2 * d) if n >= 0 else -((-2 * n + d) // (2 * d))


def million(a, b):
    return ratio(a, b, 10**6)


def growth(now, then):
    return None if now is None or then is None else million(now - then, then)


def whole_months(start, end):
    """0: not whole ones."""
    after = end + datetime.timedelta(days=1)
    return (after.year - start.year) * 12 + after.month - start.month if start.day == after.day == 1 else 0


def differ_in_length(one, other):
    """Two periods (from, to): as many days or as many whole months compare whole."""
    if one[0] is None or other[0] is None or one[1] - one[0] == other[1] - other[0]:
        return False
    return not whole_months(*one) or whole_months(*one) != whole_months(*other)


def text_of(path):
    with open(path, "rb") as f:
        data = f.read()
    lines = data.split(b"\n")
    out = []
    for line in lines:  # a cell that is no UTF-8 is Windows-1252; the samples have one encoding a file
        try:
            out.append(line.decode("utf-8"))
        except UnicodeDecodeError:
            out.append(line.decode("cp1252"))
    return "\n".join(out).removeprefix("\ufeff")


def fold(header):
    return re.sub(r"\s+", " ", re.sub("[\u2010-\u2015\u2212-]", "-", header.replace("\u00a0", " "))).strip().lower()


def number(cell, comma, decimals):
    """A number in the file's own form, times 10^decimals; None when the cell is empty."""
    cell = cell.replace("\u00a0", " ").strip()
    if cell in ("", "-"):
        return None
    group, point = ((r"[. ]", ",") if comma else (",", r"\."))
    found = re.fullmatch(rf"(\d{{1,3}}(?:{group}\d{{3}})+|\d+)(?:{point}(\d+))?", cell)
    if not found:
        raise Bad(cell)
    if len(found.group(2) or "") > (decimals or 2):
        raise Bad(cell)
    fraction = (found.group(2) or "").ljust(decimals, "0")
    if fraction[decimals:].strip("0"):
        raise Bad(cell)
    return int(re.sub(r"\D", "", found.group(1)) + fraction[:decimals])


def amount(cell, comma, decimals):
    cell = cell.replace("\u00a0", " ").strip()
    if cell in ("", "-"):
        return None
    found = re.fullmatch(r"[£€¥$]?\s*(\d[\d.,]*)\s*[£€¥$]?", cell)
    if not found:
        raise Bad(cell)
    return number(found.group(1), comma, decimals)


def percent(cell, comma):
    cell = cell.replace("\u00a0", " ").strip().removesuffix("%").strip()
    return number(cell, comma, 4)


def file_kind(header):
    return "orders" if "amazon-order-id" in header else "business"


def rows_of(path):
    """The header and the rows, each with the line at which it begins."""
    text = text_of(path)
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    if delimiter == "\t":
        rows = [(n + 1, line.rstrip("\r").split("\t")) for n, line in enumerate(text.split("\n")) if line.rstrip("\r")]
    else:
        reader, rows, line = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [], 1
        for row in reader:
            if row:
                rows.append((line, row))
            line = reader.line_num + 1
    return [fold(h) for h in rows[0][1]], rows[1:]


# ---- business reports

class Business:
    def __init__(self, reports, decimals, options):
        """reports: (path, from, to) in time; dates or None."""
        self.db = sqlite3.connect(":memory:")
        self.options, self.reports, self.bad = options, reports, []
        self.db.execute(f"CREATE TABLE raw(period, parent, child, sku, title, {', '.join(FIGURES)})")
        for place, (path, *_) in enumerate(reports):
            self._load(place, path, decimals)
        self.db.execute(f"CREATE TABLE fact AS SELECT period, parent, child, sku, max(title) AS title, {', '.join(FIGURES)} FROM raw "
                        f"GROUP BY period, parent, child, sku, {', '.join(FIGURES)}")
        self.db.execute("CREATE TABLE entry AS SELECT period, parent, child, max(title) AS title, max(sessions) AS sessions, max(page_views) "
                        "AS page_views, max(buy_box) AS buy_box, max(sessions_b2b) AS sessions_b2b, sum(units) AS units, sum(sales) AS sales, "
                        "sum(items) AS items, sum(units_b2b) AS units_b2b, sum(sales_b2b) AS sales_b2b, sum(items_b2b) AS items_b2b FROM fact "
                        "GROUP BY 1, 2, 3")

    def _load(self, place, path, decimals):
        header, rows = rows_of(path)
        fields, commas = {}, []
        for i, name in enumerate(header):
            base, twin = (name[:-6], True) if name.endswith(" - b2b") else (name, False)
            if base in ALIASES:
                field, comma = ALIASES[base]
                commas += [comma] if comma is not None else []
                if not twin or field in B2B:
                    fields.setdefault(field + ("_b2b" if twin else ""), i)
        comma = sum(commas) * 2 > len(commas)
        for line, row in rows:
            cells = {f: (row[i].strip() if i < len(row) else "") for f, i in fields.items()}
            if not any(row[len(header):]) and not any(cells.get(f) for f in ("parent", "child", "sku")):
                continue
            try:
                if not cells.get("child", cells.get("parent", "")):
                    raise Bad("a row without its key")
                values = {f: None for f in FIGURES}
                if any(row[len(header):]):
                    raise Bad("more cells than the header")
                for f in FIGURES:
                    if f in cells:
                        kind = f.removesuffix("_b2b")
                        values[f] = (amount(cells[f], comma, decimals) if kind == "sales" else percent(cells[f], comma) if kind == "buy_box"
                                     else number(cells[f], comma, 0))
                        if values[f] is None and f in ("sessions", "units", "sales"):
                            raise Bad(f)
                        if f != kind and None not in (values[f], values[kind]) and values[f] > values[kind]:
                            raise Bad("a part that is more than its whole")
            except Bad:
                self.bad.append((path, line))
                continue
            child = cells.get("child") or cells["parent"]
            self.db.execute(f"INSERT INTO raw VALUES(?,?,?,?,?{',?' * len(FIGURES)})",
                            [place, cells.get("parent") or child, child, cells.get("sku", ""), cells.get("title", "")] + [values[f] for f in FIGURES])

    SUMS = ("sum(sales), sum(units), sum(items), sum(sessions), sum(page_views), sum(sales_b2b), sum(units_b2b), sum(items_b2b), "
            "sum(sessions_b2b), sum(buy_box * ifnull(page_views, sessions)), sum(iif(buy_box IS NULL, NULL, ifnull(page_views, sessions)))")
    NAMES = ["sales", "units", "order_items", "sessions", "page_views", "sales_b2b", "units_b2b", "order_items_b2b", "sessions_b2b"]

    def traffic(self, row, facts):
        """facts: the rows that this is about, as a condition. A ratio is over the rows that tell both of its figures."""
        d = dict(zip(self.NAMES, row))
        both = lambda over, under: self.db.execute(f"SELECT sum({over}), sum({under}) FROM fact WHERE {over} IS NOT NULL AND {facts[0]}",
                                                   facts[1:]).fetchone()
        items = self.db.execute("SELECT sum(i), sum(s) FROM (SELECT sum(items) AS i, max(sessions) AS s FROM fact WHERE "
                                f"{facts[0]} GROUP BY period, parent, child HAVING sum(items IS NULL) = 0)", facts[1:]).fetchone()
        told = both("items", "sales")
        d.update(conversion_ppm=million(d["units"], d["sessions"]), order_item_conversion_ppm=million(*items),
                 buy_box_ppm=ratio(row[9], row[10]), sales_b2b_ppm=million(*both("sales_b2b", "sales")),
                 units_b2b_ppm=million(*both("units_b2b", "units")), average_price=ratio(d["sales"], d["units"]),
                 sales_per_order_item=ratio(told[1], told[0]))
        return d

    def group(self, by, where="1", table="entry"):
        """{key: (traffic, first parent, title, children)}"""
        found = {}
        self.db.execute(f"CREATE INDEX IF NOT EXISTS fact_{by} ON fact({by})")
        for row in self.db.execute(f"SELECT {by}, min(parent), max(title), count(DISTINCT child), min(child), {self.SUMS} FROM {table} "
                                   f"WHERE {where} GROUP BY {by}"):
            found[row[0]] = (self.traffic(row[5:], (f"{by} = ? AND {where}", row[0])), row[1], row[2], row[3], row[4])
        return found

    def sales_in(self, by, table, period):
        return dict(self.db.execute(f"SELECT {by}, sum(sales) FROM {table} WHERE period = ? AND {by} <> '' GROUP BY 1", [period]))

    def products(self, by, table="entry", where="1"):
        """All products of a kind in order of sales."""
        last = len(self.reports) - 1
        before, now = self.sales_in(by, table, last - 1), self.sales_in(by, table, last)
        found, out, running = self.group(by, where, table), [], 0
        total = sum(f[0]["sales"] for f in found.values())  # shares of SKUs are of the sales that SKUs are told for
        for key in sorted(found, key=lambda k: (-found[k][0]["sales"], k.encode())):
            t, parent, title, children, child = found[key]
            if by == "sku":  # traffic is that of the ASIN
                t = {**t, **{n: None for n in ("sessions", "page_views", "sessions_b2b", "conversion_ppm", "order_item_conversion_ppm",
                                               "buy_box_ppm")}}
            b, n = before.get(key, 0) if last > 0 else None, now.get(key, 0)
            if by == "sku":  # a period without SKUs says nothing about them
                b, n = b if before else None, n if now else None
            share_before = million(running, total)
            running += t["sales"]
            abc = ("C" if share_before is None or t["sales"] <= 0 else "A" if share_before < self.options["abc_a"] * 10**4
                   else "B" if share_before < self.options["abc_b"] * 10**4 else "C")
            out.append({"rank": len(out) + 1, "key": key, "asin": {"child": key, "sku": child, "parent": None}[by],
                        "parent": key if by == "parent" else parent, "title": title or None, "children": children if by == "parent" else 1,
                        **t, "share_ppm": million(t["sales"], total), "cumulative_ppm": million(running, total),
                        "abc": abc if by == "child" else None, "sales_last_period": n, "sales_period_before": b,
                        "growth_ppm": self.grown(n, b, last, last - 1) if last > 0 else None, "missed_units": None, "missed_sales": None,
                        "page_views_without_buy_box": None})
        return out

    def days(self, place):
        return (self.reports[place][2] - self.reports[place][1]).days + 1

    def grown(self, now, then, place, before):
        """Growth between two periods: of what a day has, where they differ in length."""
        if now is None or then is None:
            return None
        if differ_in_length(self.reports[place][1:], self.reports[before][1:]):
            now, then = now * self.days(before), then * self.days(place)
        return growth(now, then)

    def ranking(self, rows, top=None):
        top = self.options["top"] if top is None else top
        rest = rows[top:]
        sessions = None if any(r["sessions"] is None for r in rows) else sum(r["sessions"] for r in rest)
        return {"total": len(rows), "rows": rows[:top], "rest": {
            "count": len(rest), "sales": sum(r["sales"] for r in rest), "units": sum(r["units"] for r in rest), "sessions": sessions}}

    def period(self, place, before):
        (path, start, end) = self.reports[place]
        t = self.traffic(self.db.execute(f"SELECT {self.SUMS} FROM entry WHERE period = ?", [place]).fetchone(), ("period = ?", place))
        days = (end - start).days + 1 if start else None
        d = {"asins": self.db.execute("SELECT count(DISTINCT child) FROM entry WHERE period = ?", [place]).fetchone()[0], **t, "days": days,
             "from": start and start.isoformat(), "to": end and end.isoformat(), "sales_per_day": ratio(t["sales"], days)}
        self.partly[place] = {name for name, gaps in (
            ("order_items", "SELECT count(*) FROM fact WHERE period = ? AND items IS NULL"),
            ("page_views", "SELECT count(*) FROM entry WHERE period = ? AND page_views IS NULL")) if self.db.execute(gaps, [place]).fetchone()[0]}
        grow = lambda name: self.grown(d[name], before[name], place, place - 1) if before and name not in self.partly[place] | self.partly[place - 1] else None
        points = lambda name: d[name] - before[name] if before and d[name] is not None and before[name] is not None else None
        d["growth"] = {f"{n}_ppm": grow(n) for n in ("sales", "units", "order_items", "sessions", "page_views")}
        d["growth"]["sales_per_day_ppm"] = growth(d["sales_per_day"], before["sales_per_day"]) if before else None
        d["growth"]["by_day"] = bool(before) and differ_in_length(self.reports[place][1:], self.reports[place - 1][1:])
        d["growth"].update(conversion_points_ppm=points("conversion_ppm"), buy_box_points_ppm=points("buy_box_ppm"))
        return d

    def latest(self, asins):
        """The last period's products, with quadrant and what they missed."""
        last = len(self.reports) - 1
        found, by_key = self.group("child", f"period = {last}"), {a["key"]: a for a in asins}
        units, sessions = (sum(f[0][n] for f in found.values()) for n in ("units", "sessions"))
        ordered = sorted(f[0]["sessions"] for f in found.values() if f[0]["sessions"] > 0)
        high = ordered[len(ordered) // 2] if ordered else None
        weights = {k: (a, b) for k, a, b in self.db.execute(
            "SELECT child, sum(buy_box * ifnull(page_views, sessions)), sum(iif(buy_box IS NULL, NULL, ifnull(page_views, sessions))) "
            "FROM entry WHERE period = ? GROUP BY 1", [last])}
        rows = []
        for key, (t, parent, title, _, _) in found.items():
            row = {**by_key[key], **t, "parent": parent, "title": title or None, "quadrant": None, "missed": None}
            if t["sessions"] > 0:
                traffic_high, conversion_high = t["sessions"] >= high, t["units"] * sessions >= units * t["sessions"]
                row["quadrant"] = {(1, 1): 0, (1, 0): 1, (0, 1): 2, (0, 0): 3}[traffic_high, conversion_high]
                row["missed"] = max(0, units * t["sessions"] // sessions - t["units"])
            box, weight = weights[key]
            row["lost"] = None if not weight else weight * 10**6 - box
            row["box_low"] = bool(weight) and box < self.options["buy_box_below"] * 10**4 * weight
            rows.append(row)
        return rows, million(units, sessions)

    @staticmethod
    def clean(row, **more):
        return {**{k: v for k, v in row.items() if k not in ("quadrant", "missed", "lost", "box_low")}, **more}

    def lists(self, asins):
        latest, average = self.latest(asins)
        names = ["high_traffic_high_conversion", "high_traffic_low_conversion", "low_traffic_high_conversion", "low_traffic_low_conversion"]
        seen = [r for r in latest if r["quadrant"] is not None]
        high = [r["sessions"] for r in seen if r["quadrant"] < 2]
        quadrants = {"high_traffic_from_sessions": min(high) if high else None, "high_conversion_from_ppm": average}
        for i, name in enumerate(names):
            of = [r for r in seen if r["quadrant"] == i]
            quadrants[name] = {"products": len(of), **{n: sum(r[n] for r in of) for n in ("sessions", "units", "sales")}}
        quadrants["points"] = [{"asin": r["key"], "sessions": r["sessions"], "conversion_ppm": r["conversion_ppm"], "quadrant": names[r["quadrant"]]}
                               for r in sorted(seen, key=lambda r: (-r["sessions"], r["key"]))[:150]]
        leaks = sorted((r for r in seen if r["quadrant"] == 1 and r["missed"] > 0), key=lambda r: (-r["missed"], -r["sessions"], r["key"]))
        leaks = [self.clean(r, missed_units=r["missed"], missed_sales=ratio(r["missed"], r["units"], r["sales"])) for r in leaks]
        lost = sorted((r for r in latest if r["box_low"] and r["sessions"] >= self.options["min_sessions"]), key=lambda r: (-r["lost"], r["key"]))
        lost = [self.clean(r, page_views_without_buy_box=ratio(r["lost"], 10**6)) for r in lost]
        return quadrants, leaks, lost

    def figures(self):
        self.total, self.partly = self.traffic(self.db.execute(f"SELECT {self.SUMS} FROM entry").fetchone(), ("1",)), {}
        asins = self.products("child")
        quadrants, leaks, lost = self.lists(asins)
        weights = (1, 1)
        if len(self.reports) > 1 and differ_in_length(self.reports[-1][1:], self.reports[-2][1:]):
            weights = (self.days(-2), self.days(-1))
        change = lambda a: a["sales_last_period"] * weights[0] - a["sales_period_before"] * weights[1]
        risers, fallers = [], []
        if len(self.reports) > 1:
            risers = sorted((a for a in asins if change(a) > 0), key=lambda a: (-change(a), a["key"]))
            fallers = sorted((a for a in asins if change(a) < 0), key=lambda a: (change(a), a["key"]))
        periods, before = [], None
        for place in range(len(self.reports)):
            before = self.period(place, before)
            periods.append(before)
        one = lambda sql: self.db.execute(sql).fetchone()[0]
        d = {"totals": {"asins": len(asins), **self.total}, "periods": periods, "abc": abc_of(asins, "sales", self.total["sales"]),
             "concentration": concentration([a["sales"] for a in asins]), "asins_without_sales": sum(a["sales"] == 0 for a in asins),
             "entries_with_units_without_sessions": one("SELECT count(*) FROM entry WHERE sessions = 0 AND units > 0"),
             "entries_over_100_percent": one("SELECT count(*) FROM entry WHERE sessions > 0 AND units > sessions"),
             "asins": self.ranking(asins), "skus": self.ranking(self.products("sku", "fact", "sku <> ''")),
             "parents": self.ranking(self.products("parent")), "quadrants": quadrants, "high_traffic_low_conversion": self.ranking(leaks),
             "lost_buy_box": self.ranking(lost),
             "no_orders": self.ranking(sorted((a for a in asins if a["units"] == 0), key=lambda a: (-a["sessions"], a["key"]))),
             "risers": self.ranking(risers, 5), "fallers": self.ranking(fallers, 5)}
        return d


def abc_of(rows, name, total):
    out = {}
    for letter in "ABC":
        of = [r for r in rows if r["abc"] == letter]
        sales = sum(r[name] for r in of)
        out[letter] = {"products": len(of), "sales": sales, "units": sum(r["units"] for r in of), "share_ppm": million(sales, total)}
    return out


def concentration(sales):
    total = sum(sales)
    top = lambda n: million(sum(sales[:n]), total) if sales else None
    return {"top1_ppm": top(1), "top5_ppm": top(5), "top10_ppm": top(10),
            "hhi": ratio(sum(s * s for s in sales) * 10000, total * total) if 0 < total <= 10**16 else None}


# ---- orders

class Orders:
    def __init__(self, paths, decimals, options, channel=None, pairs=()):
        """pairs: (SKU, ASIN)s that other files tell."""
        self.db, self.options, self.bad = sqlite3.connect(":memory:"), options, []
        self.db.execute("CREATE TABLE raw(export, n, order_id, sku, asin, title, day, updated, status, quantity, price, discount, business, promoted, returned, own)")
        self.exports = 0
        for path in paths:
            self._load(path, decimals, channel)
        # own: the ASIN that a line tells itself; a line without takes the one that all files know of its SKU, if they agree
        asins = defaultdict(set)
        for sku, asin in [*pairs, *self.db.execute("SELECT sku, asin FROM raw")]:
            asins[sku] |= {asin} - {""}
        alone = [(min(a), sku) for sku, a in asins.items() if sku and len(a) == 1]
        self.db.executemany("UPDATE raw SET asin = ? WHERE sku = ? AND asin = ''", alone)
        self.ambiguous = {sku for (sku,) in self.db.execute("SELECT sku FROM raw WHERE asin = ''") if len(asins[sku]) > 1}
        # the lines of an order's SKU (ASIN, without a SKU) are those of the export that tells the newest of them
        self.db.execute("CREATE TABLE told AS SELECT order_id, iif(sku = '', 'asin ' || asin, 'sku ' || sku) AS what, export, max(updated) AS newest "
                        "FROM raw GROUP BY 1, 2, 3")
        keep = {}
        for order, what, export, newest in self.db.execute("SELECT * FROM told"):
            keep[order, what] = max(keep.get((order, what), (-1, 0)), (newest, export))
        self.db.execute("CREATE TABLE kept(order_id, what, export, PRIMARY KEY(order_id, what, export))")
        self.db.executemany("INSERT INTO kept VALUES(?, ?, ?)", [(*k, export) for k, (_, export) in keep.items()])
        self.db.execute("CREATE TABLE line AS SELECT raw.* FROM raw JOIN kept ON raw.order_id = kept.order_id AND raw.export = kept.export AND "
                        "iif(sku = '', 'asin ' || asin, 'sku ' || sku) = what")

    def _load(self, path, decimals, channel):
        header, rows = rows_of(path)
        self.exports += 1
        for line, row in rows:
            if row[0] == "amazon-order-id":
                header, self.exports = [fold(h) for h in row], self.exports + 1
                continue
            c = defaultdict(str, {h: v.strip() for h, v in zip(header, row)})
            sold_on = c["sales-channel"].lower()
            if sold_on.startswith("non-amazon") or (channel and sold_on and sold_on != channel.lower()):
                continue
            try:
                when = datetime.datetime.fromisoformat(c["purchase-date"].replace("Z", "+00:00"))
                updated = datetime.datetime.fromisoformat(c["last-updated-date"].replace("Z", "+00:00")).timestamp() if c["last-updated-date"] else 0
                price = number(c["item-price"], False, decimals)
                discount = number(c["item-promotion-discount"].lstrip("-"), False, decimals) or 0 if "item-promotion-discount" in header else None
                cancelled = c["order-status"].lower().startswith("cancel") or c["item-status"].lower().startswith("cancel")
                status = 1 if cancelled else 0 if price is not None else 2 if c["order-status"].lower().startswith("pending") else 3
                quantity = number(c["quantity"], False, 0)
                if any(row[len(header):]) or (quantity is None and not cancelled) or not (c["sku"] or c["asin"]) or not c["amazon-order-id"]:
                    raise Bad
            except (Bad, ValueError):
                self.bad.append((path, line))
                continue
            business = None if not c["is-business-order"] else int(c["is-business-order"].lower() == "true")
            self.db.execute("INSERT INTO raw VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)", [
                self.exports, line, c["amazon-order-id"], c["sku"], c["asin"], c["product-name"], when.date().toordinal() - EPOCH, updated, status,
                quantity or 0, price or 0, discount, business,
                int((discount or 0) > 0 or c["promotion-ids"] != "") if "promotion-ids" in header else None,
                int(c["order-status"] in ("Shipped - Returned to Seller", "Shipped - Rejected by Buyer")), c["asin"]])

    def one(self, sql, *args):
        return self.db.execute(sql, args).fetchone()[0]

    def totals(self):
        lines, units, revenue, told = self.db.execute(
            "SELECT count(*), total(quantity), total(price), count(business) FROM line WHERE status = 0").fetchone()
        units, revenue = int(units), int(revenue)
        discount, discounted = self.db.execute("SELECT sum(discount), sum(price) FROM line WHERE status = 0 AND discount IS NOT NULL").fetchone()
        promoted, asked = self.db.execute("SELECT sum(promoted), count(*) FROM line WHERE status = 0 AND promoted IS NOT NULL").fetchone()
        orders = self.one("SELECT count(DISTINCT order_id) FROM line WHERE status = 0")
        b2b = [None] * 3
        if told:
            b2b = [int(x) for x in self.db.execute("SELECT total(price), total(quantity), count(DISTINCT order_id) FROM line WHERE status = 0 "
                                                   "AND business = 1").fetchone()]
        of = self.db.execute("SELECT sum(price), sum(quantity) FROM line WHERE status = 0 AND business IS NOT NULL").fetchone()
        return {"orders": orders, "lines": lines, "units": units, "revenue": revenue, "average_order_value": ratio(revenue, orders),
                "average_price": ratio(revenue, units), "units_per_order_ppm": million(units, orders), "discount": discount,
                "discount_ppm": million(discount, discounted), "promoted_lines": promoted, "promoted_lines_ppm": million(promoted, asked),
                "revenue_b2b": b2b[0], "units_b2b": b2b[1], "orders_b2b": b2b[2], "revenue_b2b_ppm": million(b2b[0], of[0]),
                "units_b2b_ppm": million(b2b[1], of[1])}

    def left_out(self, status):
        lines, units, orders = self.db.execute("SELECT count(*), total(quantity), count(DISTINCT order_id) FROM line WHERE status = ?",
                                               [status]).fetchone()
        return {"lines": lines, "units": int(units), "orders": orders}

    def daily(self):
        days = {d: [r, u, 0] for d, r, u in self.db.execute("SELECT day, sum(price), sum(quantity) FROM line WHERE status = 0 GROUP BY day")}
        for (day,) in self.db.execute("SELECT min(day) FROM line WHERE status = 0 GROUP BY order_id"):
            days[day][2] += 1
        return days

    def known_days(self):
        """An export knows the days from its first line to its last. Pauses of up to three days between exports are known, too; more than
        a year between two lines is not."""
        known = set()
        for first, last in self.db.execute("SELECT min(day), max(day) FROM raw GROUP BY export"):
            known |= set(range(first, last + 1))
        for day in [d for d in known if d + 1 not in known and d < self.last]:
            after = min(d for d in known if d > day)
            known |= set(range(day, after)) if after - day - 1 <= 3 else set()
        days = [d for (d,) in self.db.execute("SELECT DISTINCT day FROM raw ORDER BY 1")]
        for day, after in zip(days, days[1:]):
            known -= set(range(day + 1, after)) if after - day - 1 > 366 else set()
        return known

    def gaps(self):
        edges = sorted(d for d in range(self.first, self.last + 1) if d not in self.known)
        return [{"from": iso(d), "to": iso(next(e for e in edges if e >= d and e + 1 not in edges))} for d in edges if d - 1 not in edges]

    def series(self, start_of):
        buckets, at = {}, self.first
        while at <= self.last:  # every bucket that the data touches
            start, end = start_of(at)
            buckets[start] = [end, 0, 0, 0]
            at = end + 1
        for day, sums in self.days.items():
            bucket = buckets[start_of(day)[0]]
            for i in range(3):
                bucket[i + 1] += sums[i]
        out, before = [], None
        for start, (end, revenue, units, orders) in sorted(buckets.items()):
            known = sum(d in self.known for d in range(start, end + 1))
            partial = known < end + 1 - start
            if not known:
                revenue = units = orders = None
            b = {"from": iso(start), "to": iso(end), "revenue": revenue, "units": units, "orders": orders, "partial": partial,
                 "growth_ppm": growth(revenue, before["revenue"]) if before and not partial and not before["partial"] else None}
            out.append(b)
            before = b
        return out

    def weekdays(self, by_day):
        by_day = [b for b in by_day if b["revenue"] is not None]
        if len(by_day) < 7 * self.options["weekday_weeks"]:
            return []
        total, out = sum(b["revenue"] for b in by_day), []
        for weekday in range(1, 8):
            of = [b for b in by_day if datetime.date.fromisoformat(b["from"]).isoweekday() == weekday]
            revenue = sum(b["revenue"] for b in of)
            mean = ratio(revenue, len(of))
            out.append({"weekday": weekday, "days": len(of), "revenue": revenue, "units": sum(b["units"] for b in of),
                        "orders": sum(b["orders"] for b in of), "mean_revenue": mean, "index_ppm": million(mean, ratio(total, len(by_day)))})
        return out

    def sold(self, key, where="1"):
        total, running, out = self.one("SELECT total(price) FROM line WHERE status = 0"), 0, []
        first_title = {}
        for sku, own, title in self.db.execute("SELECT sku, own, title FROM raw ORDER BY export, n"):
            first_title[(sku, own)] = first_title.get((sku, own)) or title
        titles = defaultdict(str)
        for k, sku, own in self.db.execute(f"SELECT DISTINCT {key}, sku, own FROM line WHERE {where}"):
            titles[k] = max(titles[k], first_title[(sku, own)])
        rows = self.db.execute(
            f"SELECT {key} AS k, min(asin), sum(iif(status = 0, price, 0)) AS r, sum(iif(status = 0, quantity, 0)), sum(status = 0), "
            f"sum(status = 1) FROM line WHERE {where} GROUP BY k ORDER BY r DESC, k")
        for k, asin, revenue, units, lines, cancelled in rows:
            before = million(running, int(total))
            running += revenue
            abc = ("C" if before is None or revenue <= 0 else "A" if before < self.options["abc_a"] * 10**4
                   else "B" if before < self.options["abc_b"] * 10**4 else "C")
            out.append({"rank": len(out) + 1, "key": k, "asin": asin or None, "title": titles[k] or None, "revenue": revenue, "units": units,
                        "lines": lines, "cancelled_lines": cancelled, "share_ppm": million(revenue, int(total)),
                        "cumulative_ppm": million(running, int(total)), "abc": abc})
        return out

    @staticmethod
    def ranking(rows, top, abc=True):
        shown = [r if abc else {**r, "abc": None} for r in rows[:top]]
        rest = rows[top:]
        return {"total": len(rows), "rows": shown, "rest": {"count": len(rest), "revenue": sum(r["revenue"] for r in rest),
                                                             "units": sum(r["units"] for r in rest)}}

    def figures(self):
        self.first, self.last = self.db.execute("SELECT min(day), max(day) FROM line").fetchone()
        self.days, top = self.daily(), self.options["top"]
        self.known, long = self.known_days(), self.last - self.first + 1 > 3660
        by_day = [] if long else self.series(lambda d: (d, d))
        asins, skus = self.sold("iif(asin <> '', asin, sku)"), self.sold("sku", "sku <> ''")
        totals, any_state = self.totals(), self.one("SELECT count(DISTINCT order_id) FROM line")
        cancelled = self.left_out(1)
        most_cancelled = sorted((a for a in asins if a["cancelled_lines"] > 0), key=lambda a: (-a["cancelled_lines"], a["key"]))
        return {"from": iso(self.first), "to": iso(self.last), "days": self.last - self.first + 1, "days_covered": len(self.known),
                "gaps": self.gaps(), "totals": totals, "orders_in_any_state": any_state,
                "cancelled": cancelled, "pending": self.left_out(2), "unpriced": self.left_out(3), "returned": dict(zip(("lines", "units", "revenue"), map(int, self.db.execute(
                    "SELECT count(*), total(quantity), total(price) FROM line WHERE status = 0 AND returned").fetchone()))),
                "cancelled_lines_ppm": million(cancelled["lines"], self.one("SELECT count(*) FROM line")),
                "cancelled_orders_ppm": million(cancelled["orders"], any_state), "by_day": by_day, "by_week": [] if long else self.series(week),
                "by_month": self.series(month), "weekdays": self.weekdays(by_day), "abc": abc_of(
                    [{**a, "sales": a["revenue"]} for a in asins], "sales", totals["revenue"]),
                "concentration": concentration([a["revenue"] for a in asins]), "asins": self.ranking(asins, top),
                "skus": self.ranking(skus, top, abc=False), "cancelled_asins": self.ranking(most_cancelled, 10)}

    def beside(self, start, end, sales, units):
        """What orders say of a period of a business report."""
        none = dict.fromkeys(("revenue", "units", "orders", "revenue_difference", "units_difference"))
        if start is None:
            return none
        a, b = start.toordinal() - EPOCH, end.toordinal() - EPOCH
        known = sum(d in self.known for d in range(a, b + 1))
        if not known:
            return none
        revenue, count, orders = (sum(s[i] for d, s in self.days.items() if a <= d <= b) for i in range(3))
        whole = known == b - a + 1
        return {"revenue": revenue, "units": count, "orders": orders, "revenue_difference": revenue - sales if whole else None,
                "units_difference": count - units if whole else None}


def iso(day):
    return datetime.date.fromordinal(day + EPOCH).isoformat()


def week(day):
    monday = day - (day + 3) % 7
    return monday, monday + 6


def month(day):
    date = datetime.date.fromordinal(day + EPOCH)
    start = date.replace(day=1)
    after = (start + datetime.timedelta(days=32)).replace(day=1)
    return start.toordinal() - EPOCH, after.toordinal() - EPOCH - 1


DEFAULTS = {"top": 25, "abc_a": 80, "abc_b": 95, "buy_box_below": 80, "min_sessions": 20, "weekday_weeks": 8}


def expected(reports=(), orders=(), currency="GBP", marketplace=None, **options):
    """reports: (path, from, to) in time. What "business" and "orders" of report.json must be."""
    options = {**DEFAULTS, **options}
    decimals, out = EXPONENT.get(currency, 2), {}
    business = Business(list(reports), decimals, options) if reports else None
    pairs = business.db.execute("SELECT DISTINCT sku, child FROM fact").fetchall() if business else ()
    sold = Orders(orders, decimals, options, CHANNELS.get(marketplace), pairs) if orders else None
    if sold:
        out["orders"] = sold.figures()
    if reports:
        out["business"] = business.figures()
        for p, (_, start, end) in zip(out["business"]["periods"], reports):
            p["orders"] = sold.beside(start, end, p["sales"], p["units"]) if sold else dict.fromkeys(
                ("revenue", "units", "orders", "revenue_difference", "units_difference"))
    return out


def equal_pairs(reports, currency="GBP"):
    """Whether two of these have the same rows."""
    business = Business([(p, None, None) for p in reports], EXPONENT.get(currency, 2), DEFAULTS)
    sets = [frozenset(business.db.execute(f"SELECT parent, child, sku, {', '.join(FIGURES)} FROM fact WHERE period = ?", [i]))
            for i in range(len(reports))]
    return len(set(sets)) < len(sets)


def good_rows(reports=(), orders=(), currency="GBP", marketplace=None):
    """How many rows of these files count."""
    decimals = EXPONENT.get(currency, 2)
    parts = ([Business(list(reports), decimals, DEFAULTS)] if reports else []) + (
        [Orders(orders, decimals, DEFAULTS, CHANNELS.get(marketplace))] if orders else [])
    return sum(p.db.execute("SELECT count(*) FROM raw").fetchone()[0] for p in parts)


def members_of(value, path=""):
    """Every member in a document: "business.periods[].label"."""
    if isinstance(value, list):
        return set().union(*(members_of(v, path + "[]") for v in value)) if value else set()
    if not isinstance(value, dict):
        return set()
    at = path + "." if path else ""
    return {at + k for k in value}.union(*(members_of(v, at + k) for k, v in value.items()))


def differences(want, got, path="report"):
    """Every place where the two differ; members that only `got` has (labels, file names) are not figures."""
    if isinstance(want, dict):
        if not isinstance(got, dict):
            return [f"{path}: want an object, got {got!r}"]
        return [d for k, v in want.items() for d in (differences(v, got[k], f"{path}.{k}") if k in got else [f"{path}.{k}: is missing"])]
    if isinstance(want, list):
        if not isinstance(got, list) or len(want) != len(got):
            return [f"{path}: want {len(want)} elements, got {len(got) if isinstance(got, list) else got!r}"]
        return [d for i, (w, g) in enumerate(zip(want, got)) for d in differences(w, g, f"{path}[{i}]")]
    return [] if want == got and type(want) is type(got) else [f"{path}: want {want!r}, got {got!r}"]
