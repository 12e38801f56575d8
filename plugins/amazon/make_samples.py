#!/usr/bin/env python3
"""Makes samples/: reports of an invented seller, the same bytes every time, with the forms and quirks that real exports have.

A small shop for tea and kitchen things on amazon.co.uk, August to October 2026, told by three business reports (22, 38 and 21
columns) and two All Orders exports that overlap (29 and 35 columns); and one German report for amazon.de.

    ./make_samples.py [FOLDER]      default: samples/ beside this file
"""
import datetime
import os
import random
import sys

DAY = datetime.timedelta(days=1)
MONTHS = [(2026, 8), (2026, 9), (2026, 10)]
FIRST, LAST = datetime.date(2026, 8, 1), datetime.date(2026, 10, 31)
SPLIT_FROM, SPLIT_TO = datetime.date(2026, 9, 10), datetime.date(2026, 9, 18)  # in both exports of orders


class Product:
    def __init__(self, parent, child, skus, title, pence, weights, conversion, buy_box, other_parent=None):
        self.parent, self.child, self.skus, self.title, self.pence = parent, child, skus, title, pence
        self.weights, self.conversion, self.buy_box, self.other_parent = weights, conversion, buy_box, other_parent


# weights: orders a month; conversion: percent a month; buy_box: percent a month
PRODUCTS = [
    Product("B0FEN10000", "B0FEN10001", ["FH-KETTLE-14-GRN", "FH-KETTLE-14-GRN-FBM"],
            'Fernhollow Whistling Kettle 1.4 L, "Moss" Green, for All Hobs', 3495, (30, 38, 49), (9.1, 9.8, 11.2), (97, 98, 98)),
    Product("B0FEN10000", "B0FEN10002", ["FH-KETTLE-14-CRM"],
            'Fernhollow Whistling Kettle 1.4 L, "Oat" Cream, for All Hobs', 3495, (14, 15, 17), (7.4, 7.7, 7.9), (96, 97, 97)),
    Product("B0FEN20000", "B0FEN20001", ["FH-TEAPOT-GLASS-1L"],
            "Fernhollow Glass Teapot with Infuser, 1 Litre – Théière en verre", 2450, (22, 19, 11), (8.2, 7.1, 5.0), (95, 83, 41)),
    Product("B0FEN20000", "B0FEN20002", ["FH-TEAPOT-GLASS-600"],
            "Fernhollow Glass Teapot with Infuser, 600 ml", 1899, (9, 10, 9), (6.9, 7.2, 6.8), (97, 96, 97)),
    Product("B0FEN30000", "B0FEN30001", ["FH-STRAINER-FINE", "FH-STRAINER-FINE-2"],
            "Fernhollow Fine Mesh Tea Strainer, Stainless Steel", 899, (17, 18, 20), (15.8, 16.4, 17.2), (99, 99, 99)),
    Product("B0FEN30000", "B0FEN30002", ["FH-STRAINER-SET3"],
            "Fernhollow Tea Strainer Set of 3", 1450, (5, 5, 6), (12.0, 13.1, 13.6), (98, 98, 98)),
    Product("B0FEN40001", "B0FEN40001", ["FH-SCALE-01"],
            "Fernhollow Coffee and Tea Scale, 0.1 g, USB-C", 2799, (6, 5, 6), (1.9, 1.6, 1.5), (93, 92, 94)),
    Product("B0FEN50000", "B0FEN50001", ["FH-CADDY-SAGE"],
            "Fernhollow Airtight Tea Caddy, Sage, 500 g", 1650, (6, 8, 11), (6.4, 7.0, 7.9), (96, 97, 97), "B0FEN50009"),
    Product("B0FEN50000", "B0FEN50002", ["FH-CADDY-CLAY"],
            "Fernhollow Airtight Tea Caddy, Clay, 500 g", 1650, (4, 4, 3), (5.2, 5.0, 4.1), (96, 95, 88)),
    Product("B0FEN60001", "B0FEN60001", ["FH-THERM-DIGI"],
            "Fernhollow Digital Kettle Thermometer, Clip-on", 1299, (3, 2, 3), (1.4, 1.1, 1.2), (90, 91, 89)),
    Product("B0FEN70001", "B0FEN70001", ["FH-TRAY-BAMBOO"],
            "Fernhollow Bamboo Tea Tray, 40 × 28 cm", 2199, (3, 4, 6), (10.4, 12.0, 14.1), (99, 99, 100)),
    Product("B0FEN80001", "B0FEN80001", ["FH-CLOTH-LINEN-2"],
            "Fernhollow Linen Tea Towels, Pack of 2", 1250, (4, 3, 3), (4.4, 4.0, 3.6), (94, 96, 93)),
    Product("B0FEN90001", "B0FEN90001", ["FH-FILTER-100"],
            "Fernhollow Paper Tea Filters, 100 Pieces (Trade Pack)", 749, (3, 3, 4), (60.0, 75.0, 80.0), (100, 100, 100)),
    Product("B0FENA0001", "B0FENA0001", ["FH-WARMER-OAK"],
            "Fernhollow Teapot Warmer, Oak and Brass", 3899, (0, 0, 0), (0, 0, 0), (92, 94, 95)),
]
IDLE_SESSIONS = {"B0FENA0001": (61, 84, 127)}
B2B_RATE = {"B0FEN90001": 0.8}


# ---- orders

class Line:
    def __init__(self, order, when, product, sku, quantity, business, discount):
        self.order, self.when, self.product, self.sku, self.quantity = order, when, product, sku, quantity
        self.business, self.discount = business, discount
        self.status, self.updated = "Shipped", when + datetime.timedelta(hours=31)

    @property
    def pence(self):
        return self.product.pence * self.quantity


def weekday_factor(day):
    return (1.15, 1.0, 0.95, 0.95, 0.85, 1.0, 1.35)[day.weekday()]


def order_id(rng):
    return f"{rng.randrange(200, 206)}-{rng.randrange(10**7):07}-{rng.randrange(10**7):07}"


def make_lines(rng):
    lines = []
    for (year, month), index in zip(MONTHS, range(3)):
        days = [d for d in (FIRST + DAY * n for n in range((LAST - FIRST).days + 1)) if (d.year, d.month) == (year, month)]
        factors = [weekday_factor(d) for d in days]
        for product in PRODUCTS:
            for _ in range(product.weights[index]):
                day = rng.choices(days, factors)[0]
                when = datetime.datetime(day.year, day.month, day.day, rng.randrange(24), rng.randrange(60), rng.randrange(60))
                business = rng.random() < B2B_RATE.get(product.child, 0.07)
                quantity = rng.choice((6, 8, 12)) if product.child == "B0FEN90001" and business else rng.choice((1, 1, 1, 1, 1, 2))
                discount = product.pence * quantity // 10 if rng.random() < 0.14 else 0
                sku = product.skus[0] if rng.random() < 0.8 else product.skus[-1]
                lines.append(Line(order_id(rng), when, product, sku, quantity, business, discount))
                if rng.random() < 0.08:  # a second thing in the same order
                    other = rng.choice(PRODUCTS[:6])
                    lines.append(Line(lines[-1].order, when, other, other.skus[0], 1, business, 0))
    lines.sort(key=lambda l: (l.when, l.order))
    for line in lines:
        if rng.random() < 0.05:
            line.status = "Cancelled"
        elif line.when.date() >= datetime.date(2026, 10, 30) and rng.random() < 0.6:
            line.status = "Pending"
    return lines


COLUMNS_29 = """amazon-order-id merchant-order-id purchase-date last-updated-date order-status fulfillment-channel sales-channel order-channel
ship-service-level product-name sku asin item-status quantity currency item-price item-tax shipping-price shipping-tax gift-wrap-price
gift-wrap-tax item-promotion-discount ship-promotion-discount ship-city ship-state ship-postal-code ship-country promotion-ids
is-business-order""".split()
COLUMNS_35 = COLUMNS_29[:8] + ["url"] + COLUMNS_29[8:13] + ["number-of-items"] + COLUMNS_29[13:28] + [
    "cpf", "is-business-order", "purchase-order-number", "price-designation", "is-iba"]
CITIES = [("Exampleton", "EX1 1AA"), ("Sampleford", "SA2 2BB"), ("Testbury", "TE3 3CC"), ("Mockham", "MO4 4DD")]


def stamp(when):
    return when.strftime("%Y-%m-%dT%H:%M:%S+00:00")


def money(pence):
    return f"{pence // 100}.{pence % 100:02}"


def order_cells(line, status, updated, city):
    priced = status == "Shipped"
    return {
        "amazon-order-id": line.order, "purchase-date": stamp(line.when), "last-updated-date": stamp(updated), "order-status": status,
        "fulfillment-channel": "Merchant" if line.sku.endswith("FBM") else "Amazon", "sales-channel": "Amazon.co.uk",
        "product-name": line.product.title, "sku": line.sku, "asin": line.product.child, "ship-service-level": "Standard",
        "item-status": {"Pending": "Unshipped"}.get(status, status), "quantity": 0 if status == "Cancelled" else line.quantity,
        "currency": "GBP" if priced else "", "item-price": money(line.pence) if priced else "",
        "item-tax": money(line.pence // 6) if priced else "",
        "item-promotion-discount": money(line.discount) if priced and line.discount else "",
        "promotion-ids": "Autumn Tea Week A1B2C3" if priced and line.discount else "", "is-business-order": str(line.business).lower(),
        "ship-city": city[0], "ship-postal-code": city[1], "ship-country": "GB",
    }


def cut(cells):
    """Empty columns at the end of a row may be missing."""
    while cells and cells[-1] == "":
        cells.pop()
    return cells


def write_orders(path, columns, rows, encoding, newline, odd_rows=()):
    with open(path, "w", encoding=encoding, newline="") as out:
        out.write("\t".join(columns) + newline)
        for row in rows:
            out.write("\t".join(cut([str(row.get(c, "")) for c in columns])) + newline)
        for row in odd_rows:
            out.write("\t".join(cut([str(row.get(c, "")) for c in columns])) + newline)


def make_orders(folder, lines, rng):
    cities = {line.order: rng.choice(CITIES) for line in lines}
    first = []
    for line in (l for l in lines if l.when.date() <= SPLIT_TO):
        late = line.when.date() >= SPLIT_FROM  # not settled yet when the first export was made
        status = "Pending" if late and line.order[-1] in "02468" else line.status
        updated = line.when + datetime.timedelta(minutes=9) if late else line.updated
        first.append(order_cells(line, status, updated, cities[line.order]))
    write_orders(os.path.join(folder, "orders-2026-08-01-to-2026-09-18.txt"), COLUMNS_29, first, "utf-8", "\n")
    second = [order_cells(line, line.status, line.updated, cities[line.order]) for line in lines if line.when.date() >= SPLIT_FROM]
    moved = dict(order_cells(lines[-1], "Shipped", lines[-1].updated, CITIES[0]))  # from the seller's own web shop
    moved.update({"amazon-order-id": "S02-1234567-7654321", "sales-channel": "Non-Amazon GB", "currency": "", "item-price": ""})
    broken = dict(order_cells(lines[-2], "Shipped", lines[-2].updated, CITIES[1]))
    broken.update({"amazon-order-id": "205-0000000-0000001", "purchase-date": "31/10/2026 18:22"})  # a spreadsheet was here
    write_orders(os.path.join(folder, "orders-2026-09-10-to-2026-10-31.txt"), COLUMNS_35, second, "cp1252", "\r\n", [moved, broken])


# ---- business reports

def twins(names):
    return [x for name in names for x in (name, name + " – B2B")]


COMMON_END = ["Featured Offer (Buy Box) percentage", "Featured Offer (Buy Box) percentage – B2B", "Units ordered", "Units ordered – B2B",
              "Unit Session Percentage", "Unit session percentage – B2B", "Ordered Product Sales", "Ordered product sales – B2B",
              "Total order items", "Total order items – B2B"]
TOTALS = ["Sessions – Total", "Session percentage – Total", "Page views – Total", "Page views percentage – Total"]
HEAD = ["(Parent) ASIN", "(Child) ASIN", "Title"]
HEADER_22 = HEAD + ["SKU"] + twins(TOTALS) + COMMON_END
SPLITS = []
for base in TOTALS:
    metric = base.removesuffix(" – Total")
    app = "Mobile App" if metric == "Session percentage" else "Mobile app"
    SPLITS += [f"{metric} – {app}", f"{metric} – Mobile APP – B2B", f"{metric} – Browser", f"{metric} – Browser – B2B", base, f"{base} – B2B"]
HEADER_38 = HEAD + ["SKU"] + SPLITS + COMMON_END
HEADER_21 = HEAD + [h.replace(" – ", " - ") for h in twins(TOTALS) + COMMON_END]
GERMAN = {
    "(Parent) ASIN": "(Übergeordnete) ASIN", "(Child) ASIN": "(Untergeordnete) ASIN", "Title": "Titel", "SKU": "SKU",
    "Sessions – Total": "Sitzungen – Gesamt", "Page views – Total": "Seitenaufrufe – Gesamt",
    "Units ordered": "Bestellte Einheiten", "Ordered Product Sales": "Durch bestellte Produkte erzielter Umsatz",
    "Total order items": "Gesamtzahl an Bestellposten",
}


class Entry:
    """What one product did in one month, split over its SKUs."""

    def __init__(self, product, index, lines, rng):
        own = [l for l in lines if l.product is product and l.status != "Cancelled" and (l.when.year, l.when.month) == MONTHS[index]]
        self.product = product
        self.units = sum(l.quantity for l in own)
        idle = IDLE_SESSIONS.get(product.child)
        self.sessions = idle[index] if idle else max(4, round(self.units * 100 / product.conversion[index] + rng.randrange(-6, 7)))
        if product.child == "B0FEN90001":
            self.sessions = max(2, self.units * 2 // 3)  # few visits, large orders: more units than sessions
        self.views = round(self.sessions * (1.25 + rng.random() * 0.3))
        self.box = product.buy_box[index]
        self.app = round(self.sessions * 0.58)
        self.skus = []
        for sku in product.skus:
            mine = [l for l in own if l.sku == sku]
            b2b = [l for l in mine if l.business]
            self.skus.append((sku, sum(l.quantity for l in mine), sum(l.pence for l in mine), len(mine),
                              sum(l.quantity for l in b2b), sum(l.pence for l in b2b), len(b2b)))


def grouped(value):
    return f"{value:,}"


def pounds(pence):
    return f"£{pence // 100:,}.{pence % 100:02}"


def percent(part, whole, digits=2):
    return f"{100 * part / whole if whole else 0:,.{digits}f}%"


def quote(text):
    return '"' + text.replace('"', '""') + '"' if any(c in text for c in ',";\n') else text


def values(entry, sku, sums, share=1.0):
    """A row's cells by header; the traffic is that of the ASIN on every row of its SKUs."""
    units, pence, items, units_b2b, pence_b2b, items_b2b = sums
    sessions, views, b2b = round(entry.sessions * share), round(entry.views * share), round(entry.sessions * share * 0.06)
    app = round(entry.app * share)
    cells = {"Title": entry.product.title, "SKU": sku, "(Parent) ASIN": entry.product.parent, "(Child) ASIN": entry.product.child}
    for metric, total, mobile in (("Sessions", sessions, app), ("Page views", views, round(views * 0.55))):
        part = {"Total": total, "Mobile app": mobile, "Browser": total - mobile}
        for name, number in part.items():
            cells[f"{metric} – {name}"] = grouped(number)
            cells[f"{metric} – {name} – B2B"] = grouped(min(number, b2b))
            label = "Session percentage" if metric == "Sessions" else "Page views percentage"
            cells[f"{label} – {name}"] = percent(number, 4000)
            cells[f"{label} – {name} – B2B"] = percent(b2b, 4000)
    cells.update({
        "Featured Offer (Buy Box) percentage": f"{entry.box:.2f}%", "Featured Offer (Buy Box) percentage – B2B": f"{entry.box:.2f}%",
        "Units ordered": grouped(units), "Units ordered – B2B": grouped(units_b2b),
        "Unit Session Percentage": percent(units, sessions), "Unit session percentage – B2B": percent(units_b2b, b2b),
        "Ordered Product Sales": pounds(pence), "Ordered product sales – B2B": pounds(pence_b2b),
        "Total order items": grouped(items), "Total order items – B2B": grouped(items_b2b)})
    return {key.replace(" - ", " – ").lower(): value for key, value in cells.items()}


def write_report(path, header, rows, *, bom, newline, delimiter=","):
    with open(path, "wb") as out:
        text = delimiter.join(quote(h) for h in header) + newline
        for row in rows:
            text += delimiter.join(quote(row.get(h.replace(" - ", " – ").lower(), "")) for h in header) + newline
        out.write((b"\xef\xbb\xbf" if bom else b"") + text.encode("utf-8"))


def sku_rows(entries):
    return [values(e, sku, sums) for e in entries for sku, *sums in e.skus]


def asin_rows(entries):
    """One row an ASIN; the caddy stands under two parents, each with visits of its own."""
    rows = []
    for e in entries:
        sums = [sum(column) for column in zip(*(sums for _, *sums in e.skus))]
        if e.product.other_parent:
            part = [s // 3 for s in sums]
            rows.append(values(e, "", [a - b for a, b in zip(sums, part)], share=2 / 3))
            rows.append({**values(e, "", part, share=1 / 3), "(parent) asin": e.product.other_parent})
        else:
            rows.append(values(e, "", sums))
    return rows


def german(text):
    return text.replace(",", "\0").replace(".", ",").replace("\0", ".")


def german_rows(entries):
    rows = []
    for row in sku_rows(entries):
        euros = row["ordered product sales"].lstrip("£")
        rows.append({GERMAN[k].lower(): row[k.lower()] for k in GERMAN} | {
            GERMAN["Sessions – Total"].lower(): german(row["sessions – total"]),
            GERMAN["Page views – Total"].lower(): german(row["page views – total"]),
            "prozentsatz einkaufswagen": german(row["featured offer (buy box) percentage"].replace("%", " %")),
            GERMAN["Ordered Product Sales"].lower(): german(euros) + " €"})
    total = sum(int(r["bestellte einheiten"]) for r in rows)
    rows.append({"titel": "Gesamt", "bestellte einheiten": str(total), "sitzungen – gesamt": "0",
                 "durch bestellte produkte erzielter umsatz": "0,00 €"})
    return rows


def make_reports(folder, lines, rng):
    months = [[Entry(p, i, lines, rng) for p in PRODUCTS] for i in range(3)]
    write_report(os.path.join(folder, "BusinessReport-August-2026.csv"), HEADER_22, sku_rows(months[0]), bom=True, newline="\n")
    write_report(os.path.join(folder, "BusinessReport-September-2026.csv"), HEADER_38, sku_rows(months[1]), bom=False, newline="\r\n")
    write_report(os.path.join(folder, "BusinessReport-October-2026.csv"), HEADER_21, asin_rows(months[2]), bom=True, newline="\n")
    header = [GERMAN[h] for h in ["(Parent) ASIN", "(Child) ASIN", "Title", "SKU", "Sessions – Total", "Page views – Total"]]
    header += ["Prozentsatz Einkaufswagen"] + [GERMAN[h] for h in ["Units ordered", "Ordered Product Sales", "Total order items"]]
    write_report(os.path.join(folder, "Geschäftsbericht-Oktober-2026.csv"), header, german_rows(months[2]), bom=True, newline="\r\n",
                 delimiter=";")


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "samples")
    os.makedirs(folder, exist_ok=True)
    rng = random.Random(20261121)
    lines = make_lines(rng)
    make_orders(folder, lines, rng)
    make_reports(folder, lines, rng)


if __name__ == "__main__":
    main()
