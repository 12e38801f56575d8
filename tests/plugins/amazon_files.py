"""Report files made at random, with the forms and quirks of real ones, for comparing the plugin with amazon_reference."""
import datetime
import io

TWINS = " – B2B"


def grouped(value, comma):
    text = f"{value:,}"
    return text.replace(",", ".") if comma else text


def amount(minor, sign, comma, decimals=2):
    whole, rest = divmod(minor, 10**decimals)
    text = grouped(whole, comma) + ((("," if comma else ".") + f"{rest:0{decimals}}") if decimals else "")
    return f"{text} {sign}" if comma else f"{sign}{text}"


def percent(ppm, comma):
    text = f"{ppm // 10000}.{ppm // 100 % 100:02}"
    return text.replace(".", ",") + " %" if comma else text + "%"


def quote(text, delimiter):
    return '"' + text.replace('"', '""') + '"' if any(c in text for c in f'"\n{delimiter}') else text


ENGLISH = {"parent": "(Parent) ASIN", "child": "(Child) ASIN", "title": "Title", "sku": "SKU", "sessions": "Sessions – Total",
           "page_views": "Page Views - Total", "buy_box": "Featured Offer (Buy Box) percentage", "units": "Units Ordered",
           "sales": "Ordered Product Sales", "items": "Total Order Items"}
OLD = {**ENGLISH, "sessions": "Sessions", "page_views": "Page views", "buy_box": "Buy Box Percentage", "sales": "Gross Product Sales",
       "items": "Orders Placed"}
GERMAN = {"parent": "(Übergeordnete) ASIN", "child": "(Untergeordnete) ASIN", "title": "Titel", "sku": "SKU", "sessions": "Sitzungen – Gesamt",
          "page_views": "Seitenaufrufe – Gesamt", "buy_box": "Prozentsatz Einkaufswagen", "units": "Bestellte Einheiten",
          "sales": "Durch bestellte Produkte erzielter Umsatz", "items": "Gesamtzahl an Bestellposten"}
TITLES = ['Plain', 'With, comma', 'With "quotes" and more', "Ünïcödé – Tee & <b>mehr</b>", "茶こし ステンレス", "", "=1+1", "Tail\u00a0blank"]


def asin(rng, start="B0"):
    return start + "".join(rng.choice("0123456789ABCDEFGHJKLMNPQRSTUVWXYZ") for _ in range(8))


def catalogue(rng, count):
    """[(parent, child, [sku, ...], title)]"""
    out, parents = [], [asin(rng) for _ in range(max(1, count // 3))]
    for n in range(count):
        skus = [f"SKU-{n}-{k}" for k in range(rng.choice((1, 1, 1, 2, 3)))]
        out.append((rng.choice(parents), asin(rng), skus, rng.choice(TITLES)))
    return out


def business(rng, products, *, names=ENGLISH, sku=True, comma=False, sign="£", delimiter=",", newline="\n", bom=True, twins=True, bad=0,
             decimals=2, without=(), empty=0):
    """The bytes of one report. without: fields that it does not have; empty: how often a cell that may be empty is."""
    figures = [f for f in ("sessions", "page_views", "buy_box", "units", "sales", "items") if f not in without]
    fields = ["parent", "child", "title"] + (["sku"] if sku else []) + figures
    header = [name for f in fields for name in ([names[f], names[f] + TWINS] if twins and fields.index(f) > 2 + sku else [names[f]])]
    out = io.StringIO()
    out.write(delimiter.join(quote(h, delimiter) for h in header) + newline)
    for parent, child, skus, title in products:
        if rng.random() < 0.08:
            continue  # no traffic in this period
        for under in [parent] + ([asin(rng)] if not sku and rng.random() < 0.2 else []):
            sessions = rng.choice((0, 1, 7, rng.randrange(400), rng.randrange(20000)))
            views, box = sessions + rng.randrange(sessions + 1), rng.choice((0, 1000000, rng.randrange(1000001) // 100 * 100))
            for one in (skus if sku else [""]):
                units = rng.choice((0, 0, rng.randrange(1 + sessions // 4 + 2), rng.randrange(3)))
                uneven = rng.random() < 0.03
                row = []
                for f, value in (("parent", under), ("child", child), ("title", title), ("sku", one)):
                    if f in fields:
                        row.append(quote(value, delimiter))
                sales = units * rng.randrange(1, 9000)
                cells = {"sessions": ("n", sessions + (3 if uneven else 0)), "page_views": ("n", views), "buy_box": ("p", box), "units": ("n", units),
                         "sales": ("m", sales), "items": ("n", min(units, 1 + units // 2))}
                for f in figures:
                    kind, value = cells[f]
                    b2b = value if kind == "p" else value // 5
                    for v, needed in ([(value, f in ("sessions", "units", "sales")), (b2b, False)] if twins else [(value, f in ("sessions", "units", "sales"))]):
                        if not needed and rng.random() < empty:
                            row.append("")
                            continue
                        text = grouped(v, comma) if kind == "n" else percent(v, comma) if kind == "p" else amount(v, sign, comma, decimals)
                        row.append(quote(text, delimiter))
                if bad and rng.random() < bad:
                    row[-1 - rng.randrange(2)] = rng.choice(("n/a", "12.3.4", "1,23", "abc", "--5"))
                for _ in range(2 if rng.random() < 0.03 else 1):  # some rows stand there twice
                    out.write(delimiter.join(row) + newline)
    out.write(delimiter.join(["", "", "Total"] + ["0"] * (len(header) - 3)) + newline)
    return (b"\xef\xbb\xbf" if bom else b"") + out.getvalue().encode()


BASE = """amazon-order-id merchant-order-id purchase-date last-updated-date order-status fulfillment-channel sales-channel order-channel
ship-service-level product-name sku asin item-status quantity currency item-price item-tax shipping-price shipping-tax gift-wrap-price
gift-wrap-tax item-promotion-discount ship-promotion-discount ship-city ship-state ship-postal-code ship-country promotion-ids
is-business-order""".split()


def order_lines(rng, products, count, first, days, currency="GBP", channel="Amazon.co.uk", decimals=2):
    """Dicts by column, in time."""
    out = []
    while len(out) < count:
        when = datetime.datetime.combine(first, datetime.time()) + datetime.timedelta(seconds=rng.randrange(days * 86400))
        order = (f"{rng.randrange(1000):03}-{rng.randrange(10**7):07}-{rng.randrange(10**7):07}" if rng.random() < 0.97
                 else f"S0{rng.randrange(9)}-{rng.randrange(10**7)}")
        offset = rng.choice(("+00:00", "+00:00", "Z", "-08:00"))
        business = rng.choice(("true", "false", "false", "False", ""))
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            parent, child, skus, title = rng.choice(products)
            status = rng.choice(("Shipped",) * 12 + ("Cancelled", "Canceled", "Pending", "Unshipped", "Shipped - Delivered to Buyer",
                                                    "Shipped - Returned to Seller", "Shipped - Rejected by Buyer"))
            price = rng.choice((0, rng.randrange(1, 40000)))
            at = when + datetime.timedelta(days=rng.choice((0,) * 9 + (1,)))  # a line that came to the order later
            at = at if at < datetime.datetime.combine(first, datetime.time()) + datetime.timedelta(days=days) else when
            dear = price and status not in ("Cancelled", "Canceled", "Pending") and rng.random() < 0.97
            cell = lambda v: f"{v // 10**decimals}" + (f".{v % 10**decimals:0{decimals}}" if decimals else "")
            out.append({
                "amazon-order-id": order, "purchase-date": at.strftime("%Y-%m-%dT%H:%M:%S") + offset,
                "last-updated-date": rng.choice(((when + datetime.timedelta(hours=rng.randrange(90))).strftime("%Y-%m-%dT%H:%M:%S") + offset, "")),
                "order-status": status, "item-status": rng.choice((status, "Shipped", "")) if status != "Pending" else "Unshipped",
                "sales-channel": rng.choice((channel,) * 20 + ("Non-Amazon", "")), "product-name": title, "sku": rng.choice(skus),
                "asin": child if rng.random() < 0.98 else "", "quantity": str(rng.choice((1, 1, 1, 2, 12))) if status[:6] != "Cancel" else rng.choice(("0", "")),
                "currency": currency if dear else "", "item-price": cell(price) if dear else "", "ship-city": "Nowhere",
                "item-promotion-discount": cell(rng.randrange(1, price + 1)) if dear and rng.random() < 0.1 else "",
                "promotion-ids": rng.choice(("", "", "", "Spring, \"sale\" " + "x" * rng.randrange(1500))), "is-business-order": business})
    return sorted(out, key=lambda l: l["purchase-date"])


def orders(rng, lines, *, extra=0, newline="\n", bad=0, encoding="utf-8", bom=False, without=()):
    columns = BASE[:8] + ["url", "number-of-items", "cpf"][:extra] + [c for c in BASE[8:] if c not in without]
    if extra > 3:
        columns += ["purchase-order-number", "price-designation", "something-new"][:extra - 3]
    text = "\t".join(columns) + newline
    for line in lines:
        cells = [line.get(c, "") for c in columns]
        if bad and rng.random() < bad:
            cells[columns.index(rng.choice(("purchase-date", "quantity", "item-price")))] = "??"
        while cells and not cells[-1]:
            cells.pop()
        text += "\t".join(cells) + newline
    return (b"\xef\xbb\xbf" if bom else b"") + text.encode(encoding, "replace")
