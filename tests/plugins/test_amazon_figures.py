"""Every figure of report.json against amazon_reference, on the samples and on files made at random."""
import datetime
import os

import pytest

import amazon_files as files
import amazon_reference as reference
from conftest import REPO

SAMPLES = os.path.join(REPO, "plugins", "amazon", "samples")
DATE = datetime.date
MONTHS = [(DATE(2026, 8, 1), DATE(2026, 8, 31)), (DATE(2026, 9, 1), DATE(2026, 9, 30)), (DATE(2026, 10, 1), DATE(2026, 10, 31))]
REPORTS = [os.path.join(SAMPLES, f"BusinessReport-{m}-2026.csv") for m in ("August", "September", "October")]
ORDERS = [os.path.join(SAMPLES, f"orders-2026-{span}.txt") for span in ("08-01-to-2026-09-18", "09-10-to-2026-10-31")]


NO_FIGURES = {"business.periods[].file", "business.periods[].label", "business.periods[].period_by"}


def counts_of(want):
    """What the highlights count, by their codes; None: is not said."""
    counts, business = {}, want.get("business")
    if business:
        for code, ranking in (("leaks", "high_traffic_low_conversion"), ("lost_buy_box", "lost_buy_box"), ("no_orders", "no_orders")):
            counts[code] = business[ranking]["total"] or None
        counts["growth"] = business["periods"][-1]["growth"]["sales_ppm"]
    if "orders" in want:
        counts["orders"] = want["orders"]["totals"]["orders"]
    return counts


def compare(outcome, **of):
    """Every figure of the report is that of the second computation, and no figure is left out of it."""
    assert outcome["status"] == 0, outcome
    want = reference.expected(**of)
    wrong = reference.differences(want, outcome["report"])
    assert not wrong, "\n".join(wrong[:20])
    halves = {name: outcome["report"][name] for name in ("business", "orders") if name in outcome["report"]}
    assert reference.members_of(halves) - reference.members_of(want) <= NO_FIGURES
    said = {h["code"]: h["count"] for h in outcome["report"]["highlights"]}
    assert {code: said.get(code) for code in counts_of(want)} == counts_of(want)


def refused_without_good_rows(outcome, reports=(), currency="GBP", orders=(), marketplace=None):
    """Some file has no row that counts, by the second computation too."""
    if outcome["code"] == "equal_reports":
        assert reference.equal_pairs(reports, currency)
        return
    assert outcome["code"] in ("no_good_rows", "no_rows"), outcome
    good = [reference.good_rows(reports=[(p, None, None)], currency=currency) for p in reports]
    good += [reference.good_rows(orders=[p], currency=currency, marketplace=marketplace) for p in orders]
    assert 0 in good, (outcome, good)


def test_samples(analyze):
    outcome = analyze([("business_report", p) for p in reversed(REPORTS)] + [("orders", p) for p in ORDERS], {"marketplace": "GB"})
    compare(outcome, reports=[(p, *m) for p, m in zip(REPORTS, MONTHS)], orders=ORDERS, marketplace="UK")
    assert outcome["warnings"] == ["bad_rows"]
    assert outcome["report"]["exclusions"] != []
    assert outcome["done"] == outcome["total"] > sum(map(os.path.getsize, REPORTS + ORDERS))


def test_samples_business_alone(analyze):
    outcome = analyze([("", REPORTS[0])], {"periods": [{"label": "Summer"}]})
    compare(outcome, reports=[(REPORTS[0], None, None)])
    assert outcome["report"]["business"]["periods"][0]["label"] == "Summer"


def test_samples_orders_alone(analyze):
    compare(analyze([("file", p) for p in ORDERS]), orders=ORDERS)


def test_sample_german(analyze):
    path = os.path.join(SAMPLES, "Geschäftsbericht-Oktober-2026.csv")
    outcome = analyze([("business_report", path)], {"marketplace": "DE"})
    compare(outcome, reports=[(path, *MONTHS[2])], currency="EUR")
    assert outcome["report"]["currency"] == "EUR"
    assert [e["code"] for e in outcome["report"]["exclusions"]] == ["total_rows"]


FORMS = [
    {},
    {"sku": False, "names": files.OLD, "bom": False, "newline": "\r\n"},
    {"names": files.GERMAN, "comma": True, "sign": "€", "delimiter": ";", "twins": False},
    {"names": files.GERMAN, "comma": True, "sign": "€", "bad": 0.1},
    {"twins": False, "bad": 0.2},
]


@pytest.mark.parametrize("form", range(len(FORMS)))
@pytest.mark.parametrize("count", [1, 12, 90])
def test_random_business(analyze, write, rng, form, count):
    products = files.catalogue(rng, count)
    made = [files.business(rng, products + products[:1], **FORMS[form]) for _ in range(rng.choice((1, 2, 4)))]
    paths = [write(f"b{i}.csv", content) for i, content in enumerate(made)]
    spans = [MONTHS[0], MONTHS[1], (None, None), (None, None)][:len(paths)]
    periods = [{"from": a.isoformat(), "to": b.isoformat()} if a else {"label": "some time"} for a, b in spans]
    options = {"top": rng.choice((5, 25)), "abc_a": rng.choice((50, 80)), "min_sessions": rng.choice((0, 20)), "buy_box_below": 60}
    currency = "EUR" if FORMS[form].get("comma") else "GBP"
    outcome = analyze([("business_report", p) for p in paths], {"periods": periods, "currency": currency}, **options)
    if outcome["status"] != 0:  # every row of a small file may be bad by chance
        refused_without_good_rows(outcome, paths, currency)
        return
    compare(outcome, reports=[(p, *s) for p, s in zip(paths, spans)], currency=currency, **options)


@pytest.mark.parametrize("count", [3, 40])
def test_random_reports_of_different_forms(analyze, write, rng, count):
    """Columns that only some reports have, and single empty cells: a ratio is over the rows that tell both of its figures."""
    products = files.catalogue(rng, count)
    forms = [{"twins": False, "sku": False}, {"without": ("items", "page_views")}, {"empty": 0.2}, {"twins": True}]
    rng.shuffle(forms)
    paths = [write(f"b{i}.csv", files.business(rng, products + products[:1], **form)) for i, form in enumerate(forms[:rng.choice((2, 4))])]
    spans = [MONTHS[0], MONTHS[1], MONTHS[2], (None, None)][:len(paths)]
    periods = [{"from": a.isoformat(), "to": b.isoformat()} if a else {"label": "some time"} for a, b in spans]
    outcome = analyze([("business_report", p) for p in paths], {"periods": periods})
    if outcome["status"] != 0:  # a product may have no traffic in a period
        refused_without_good_rows(outcome, paths)
        return
    compare(outcome, reports=[(p, *s) for p, s in zip(paths, spans)])


SPANS = [
    [(DATE(2026, 1, 1), DATE(2026, 3, 31)), (DATE(2026, 4, 1), DATE(2026, 4, 30))],
    [(DATE(2026, 2, 1), DATE(2026, 2, 28)), (DATE(2026, 3, 1), DATE(2026, 3, 31)), (DATE(2026, 4, 1), DATE(2026, 4, 14))],
    [(DATE(2026, 1, 1), DATE(2026, 1, 10)), (DATE(2026, 1, 11), DATE(2026, 1, 20)), (None, None)],
    [(DATE(2026, 1, 1), DATE(2026, 3, 31)), (DATE(2026, 4, 1), DATE(2026, 6, 30))],
]


@pytest.mark.parametrize("which", range(len(SPANS)))
def test_random_periods_of_other_lengths(analyze, write, rng, which):
    products, spans = files.catalogue(rng, 40), SPANS[which]
    paths = [write(f"b{i}.csv", files.business(rng, products)) for i in range(len(spans))]
    periods = [{"from": a.isoformat(), "to": b.isoformat()} if a else {"label": "some time"} for a, b in spans]
    outcome = analyze([("business_report", p) for p in paths], {"periods": periods})
    compare(outcome, reports=[(p, *s) for p, s in zip(paths, spans)])
    by_day = outcome["report"]["business"]["periods"][-1]["growth"]["by_day"]
    assert by_day == (which < 2)
    said = {h["code"]: h["text"] for h in outcome["report"]["highlights"]}
    assert [("Sales a day" in said["growth"]), (" a day after" in said["riser"])] == [by_day, by_day]


@pytest.mark.parametrize("count,days", [(1, 1), (40, 3), (600, 70), (900, 800)])
def test_random_orders(analyze, write, rng, count, days):
    products = files.catalogue(rng, 1 + count // 20)
    lines = files.order_lines(rng, products, count, DATE(2025, 12, 20), days)
    path = write("orders.txt", files.orders(rng, lines, extra=rng.randrange(7), bad=0.05 if count > 10 else 0, bom=rng.random() < 0.5,
                                            newline=rng.choice(("\n", "\r\n"))))
    options = {"top": rng.choice((5, 25)), "weekday_weeks": rng.choice((1, 8))}
    outcome = analyze([("orders", path)], {"marketplace": "UK"}, **options)
    if outcome["status"] != 0:
        refused_without_good_rows(outcome, orders=[path], marketplace="UK")
        return
    compare(outcome, orders=[path], marketplace="UK", **options)


@pytest.mark.parametrize("pasted", [False, True])
def test_random_overlapping_orders(analyze, write, rng, pasted):
    """Exports that share lines, of which some have changed: each line counts once, as it was updated last."""
    lines = files.order_lines(rng, files.catalogue(rng, 30), 700, DATE(2026, 1, 1), 90)
    parts, dropped = [lines[:400], lines[250:600], lines[300:]], rng.randrange(4)
    missing = rng.sample(("asin", "is-business-order", "item-promotion-discount", "promotion-ids"), 2)
    for part in parts[1:]:
        for i, line in enumerate(part):
            if rng.random() < 0.3:
                part[i] = {**line, "order-status": "Cancelled", "quantity": "0", "item-price": "",
                           "last-updated-date": rng.choice(("2026-06-01T00:00:00+00:00", "2020-01-01T00:00:00Z", line["last-updated-date"]))}
    content = [files.orders(rng, part, extra=n, without=missing if n == dropped else ()) for n, part in enumerate(parts)]
    paths = [write("all.txt", b"".join(content))] if pasted else [write(f"o{n}.txt", c) for n, c in enumerate(content)]
    outcome = analyze([("orders", p) for p in paths])
    compare(outcome, orders=paths)
    assert "repeated_lines" in [e["code"] for e in outcome["report"]["exclusions"]]


@pytest.mark.parametrize("shared", [False, True])
def test_random_exports_by_sku_alone(analyze, write, rng, shared):
    """One export without ASINs beside one with them and a business report; with `shared`, some SKUs stand for two products."""
    products = files.catalogue(rng, 30)
    if shared:
        products += [(parent, files.asin(rng), skus, title) for parent, _, skus, title in products[:6]]
    lines = files.order_lines(rng, products, 500, DATE(2026, 8, 1), 60)
    paths = [write("told.txt", files.orders(rng, lines[:200])), write("bare.txt", files.orders(rng, lines[150:], without=("asin",)))]
    rng.shuffle(paths)
    report = write("r.csv", files.business(rng, products[::2]))
    outcome = analyze([("orders", p) for p in paths] + [("business_report", report)], {"periods": [{"from": "2026-08-01", "to": "2026-08-31"}]})
    compare(outcome, reports=[(report, *MONTHS[0])], orders=paths)
    assert ("ambiguous_sku" in [q["code"] for q in outcome["report"]["data_quality"]]) >= shared


@pytest.mark.parametrize("pause", [1, 4, 5, 40, 70])
def test_random_exports_with_a_gap(analyze, write, rng, pause):
    """What no export tells about is unknown: no days without sales, no growth, no difference."""
    products = files.catalogue(rng, 20)
    first = files.order_lines(rng, products, 200, DATE(2026, 7, 28), 40)
    second = files.order_lines(rng, products, 300, DATE(2026, 7, 28) + datetime.timedelta(days=40 + pause), 50)
    paths = [write(f"o{i}.txt", files.orders(rng, lines)) for i, lines in enumerate((first, second))]
    report = write("r.csv", files.business(rng, products))
    outcome = analyze([("orders", p) for p in paths] + [("business_report", report)], {"periods": [{"from": "2026-09-01", "to": "2026-09-30"}]},
                      weekday_weeks=12)
    compare(outcome, reports=[(report, *MONTHS[1])], orders=paths, weekday_weeks=12)
    orders = outcome["report"]["orders"]
    assert len(orders["gaps"]) == (pause > 4) or pause in (1, 4)  # the exports' last and first days are made at random
    if pause == 70:
        assert [b["growth_ppm"] for b in orders["by_month"] if b["revenue"] is None] == [None]
        assert "orders_gap" in outcome["warnings"]


def test_a_line_far_from_the_others(analyze, write, rng):
    lines = files.order_lines(rng, files.catalogue(rng, 5), 60, DATE(2026, 8, 1), 30)
    stray = {**lines[0], "purchase-date": "1990-01-02T00:00:00Z", "sales-channel": "", "amazon-order-id": "1"}
    path = write("o.txt", files.orders(rng, [stray] + lines))
    outcome = analyze([("orders", path)])
    compare(outcome, orders=[path])
    assert "orders_far_apart" in outcome["warnings"] and outcome["report"]["orders"]["by_week"] == []
    assert max((outcome["folder"] / name).stat().st_size for name in ("report.html", "report.json")) < 150_000


def test_random_both_in_yen(analyze, write, rng):
    products = files.catalogue(rng, 20)
    report = write("report.csv", files.business(rng, products, sign="¥", decimals=0))
    lines = files.order_lines(rng, products, 300, DATE(2026, 8, 1), 31, currency="JPY", channel="Amazon.co.jp", decimals=0)
    orders = write("orders.txt", files.orders(rng, lines))
    outcome = analyze([("business_report", report), ("orders", orders)],
                      {"marketplace": "JP", "periods": [{"from": "2026-08-01", "to": "2026-08-31"}]})
    compare(outcome, reports=[(report, *MONTHS[0])], orders=[orders], currency="JPY", marketplace="JP")
    assert outcome["report"]["currency_exponent"] == 0
