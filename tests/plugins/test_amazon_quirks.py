"""What real exports and people do: each quirk of the formats, each way of being wrong, and what is said about it."""
import csv
import ctypes.util
import datetime
import json
import os
import re
import subprocess

import pytest

import amazon_files as files
import amazon_reference as reference
from conftest import BUILD, REPO

INPUT, RESOURCE = 1, 7  # enum of error classes
FAIL = 2
HEADER = "(Parent) ASIN,(Child) ASIN,Title,SKU,Sessions – Total,Page views – Total,Featured Offer (Buy Box) percentage,Units ordered,Ordered Product Sales,Total order items\n"
ROW = 'B0PARENT01,B0CHILD001,Kettle,SKU-1,100,150,90.00%,10,£250.00,9\n'
ORDERS = "amazon-order-id\tpurchase-date\tlast-updated-date\torder-status\tsales-channel\tproduct-name\tsku\tasin\tquantity\tcurrency\titem-price\tship-city\n"


def line(order="202-1111111-1111111", day="2026-08-03", updated="2026-08-04T10:00:00+00:00", status="Shipped", channel="Amazon.co.uk", sku="S1",
         asin="B0CHILD001", quantity="1", currency="GBP", price="12.50"):
    return "\t".join([order, f"{day}T12:00:00+00:00", updated, status, channel, "Kettle", sku, asin, quantity, currency, price, "Leeds"]) + "\n"


def refused(outcome, code, *words):
    assert outcome["status"] == FAIL and outcome["class"] == INPUT, outcome
    assert outcome["code"] == code, outcome
    for word in words:
        assert word in outcome["message"], outcome["message"]
    assert list(outcome["folder"].iterdir()) == []


# ---- what cannot be read

@pytest.mark.parametrize("content,code,words", [
    (b"", "empty", ["f.csv"]),
    (b"PK\x03\x04rest", "not_a_report", ["Excel", "row 1, column 1"]),
    ("Übersicht".encode("utf-16"), "not_a_report", ["UTF-16"]),
    (b"\x1f\x8b\x08", "not_a_report", ["compressed"]),
    (b"<html>", "not_a_report", ["web page"]),
    (b"one,two\n1,2\n", "unknown_report", ["one,two", "row 1"]),
    (b"\n,,\none,t\x7f[2Jwo\xe9\n1,2\n", "unknown_report", ["one,t?[2Jwo?", "row 3"]),
    (b"\x8f\r\x02(\x0c\xe9\r\n\x00", "not_a_report", ["row 1, byte 3", "not text"]),
    (b"one\0,two\r3,4", "not_a_report", ["row 1, byte 4", "not text"]),
    (b"\xef\xbb\xbf \r\n\r\n,,;\n", "empty", ["f.csv"]),
    (b"\n\n{}", "not_a_report", ["JSON", "row 3"]),
    ((HEADER + ROW).replace("\n", "\r").encode(), "unreadable", ["row 1", "carriage returns"]),
    ((HEADER.replace("\n", ",x" * 260 + "\n") + ROW).encode(), "unreadable", ["row 1, column 257", "256 columns"]),
    ((HEADER.replace("SKU", "K" * 65537) + ROW).encode(), "unreadable", ["row 1, column 4", "64 KiB"]),
    ((HEADER.replace("SKU", '"SKU') + ROW).encode(), "unreadable", ["row 1, column 4", "never closed"]),
    ((",\n" + HEADER).encode(), "no_rows", ["row 3", "no rows below"]),
    (("\n" + HEADER + ROW + HEADER + ROW).encode(), "two_reports", ["row 4"]),
    ((ORDERS + line(day="2026-08-\x1b3")).encode(), "no_good_rows", ["row 2", "purchase-date", '"2026-08-?3T']),
    ((ORDERS + line(updated="\x07")).encode(), "no_good_rows", ["row 2", "last-updated-date", '"?" is not a time']),
    (HEADER.replace("(Parent) ASIN,(Child) ASIN", "x,y").encode(), "missing_column", ["(Child) ASIN"]),
    (HEADER.replace("Units ordered", "Stück").encode(), "missing_column", ["Units ordered", "Stück"]),
    (HEADER.encode(), "no_rows", ["row 2"]),
    ((HEADER + ",,,,5,5,1%,1,£1.00,1\n").encode(), "no_rows", ["none counts", "1 have no ASIN"]),
    ((HEADER + ROW.replace("£250.00", "lots")).encode(), "no_good_rows", ["row 2", "Ordered Product Sales", "lots"]),
    ((HEADER + ROW + ROW.replace("Kettle", '"Kettle')).encode(), "unreadable", ["row 3, column 3", "Title", "never closed"]),
    ((HEADER + ROW.replace("Kettle", "K" * 65537)).encode(), "unreadable", ["row 2, column 3", "64 KiB"]),
    ((HEADER + ROW + ROW.replace("£", "€")).encode(), "mixed_currencies", ["row 3", "Ordered Product Sales", "EUR", "GBP"]),
    ((ORDERS + line() + line(order="202-2-2", currency="EUR")).encode(), "mixed_currencies", ["row 3", "currency", "EUR", "GBP"]),
    (ORDERS.replace("item-price", "price").encode(), "missing_column", ["item-price"]),
    ((HEADER + ROW + HEADER + ROW).encode(), "two_reports", ["row 3", "a file holds one business report"]),
    ((HEADER + ROW + HEADER.upper() + ROW).encode(), "two_reports", ["row 3"]),
    ((HEADER + ROW + HEADER.replace("Units ordered", "Bestellte Einheiten") + ROW).encode(), "two_reports", ["row 3"]),
    ((ORDERS + line() + ORDERS.replace("item-price", "price") + line()).encode(), "missing_column", ["row 3", "item-price"]),
    ((HEADER.replace("Sessions", "Sessions,Sessions") + ROW.replace("100", "100,90")).encode(), "two_columns",
     ["row 1", '"Sessions" and "Sessions – Total"']),
    ((HEADER.replace("\n", ",UNITS ordered\n") + ROW.replace("\n", ",7\n")).encode(), "two_columns", ["Units ordered", "UNITS ordered"]),
])
def test_unreadable(analyze, write, content, code, words):
    refused(analyze([("file", write("f.csv", content))]), code, *words)


def test_no_files(analyze):
    refused(analyze([]), "no_files", "business_report")


def test_wrong_field(analyze, write):
    refused(analyze([("orders", write("f.csv", HEADER + ROW))]), "wrong_report", "business report", "orders")


@pytest.mark.parametrize("payload,words", [
    ([], "not a JSON object"), ({"market": "UK"}, '"market"'), ({"marketplace": "XX"}, "XX"), ({"marketplace": 7}, "marketplace"),
    ({"currency": "euro"}, "currency"), ({"periods": {}}, "array"), ({"periods": ["March"]}, "periods[0]"), ({"periods": "nonsense"}, "array"),
    ({"periods": [{"from": "2026-08-01"}]}, "both from and to"), ({"periods": [{"from": "2026-08-01", "to": "2026-07-01"}]}, "ends before"),
    ({"periods": [{"from": "2026-02-30", "to": "2026-03-01"}]}, "date"), ({"periods": [{}]}, "says nothing"),
    ({"periods": [{"label": "x" * 80}]}, "79 bytes"), ({"periods": [{"label": "a"}, {"label": "b"}]}, "periods[1]"),
    ({"currency": "ABC"}, "ISO 4217"), ({"periods": '[{"label": "a"}]'}, "array"), ({"periods": [{"to": "2026-08-01"}]}, 'no "from"'),
    ({"periods": [{"from": 1, "to": "2026-08-01"}]}, "periods[0].from must be a text"),
    ({"periods": [{"label": "a"}, {"from": "2026-08-01", "to": "31.8.2026"}]}, 'periods[1].to is not a date like "2026-03-31"'),
    ({"periods": [{"label": "a", "file": "other.csv"}]}, "other.csv"), ({"periods": [{"label": "a"}] * 121}, "120"),
])
def test_bad_payload(analyze, write, payload, words):
    refused(analyze([("business_report", write("f.csv", HEADER + ROW))], payload), "bad_payload", words)


def test_periods_must_not_overlap(analyze, write):
    reports = [("business_report", write(name, HEADER + ROW)) for name in ("a.csv", "b.csv")]
    spans = [{"from": "2026-08-01", "to": "2026-08-31"}, {"from": "2026-08-31", "to": "2026-09-30"}]
    refused(analyze(reports, {"periods": spans}), "periods_overlap", "a.csv", "b.csv", "2026-08-31")


def test_periods_of_files_of_one_name(analyze, tmp_path):
    reports = []
    for month, sales in (("07", "£250.00"), ("08", "£100.00")):
        (tmp_path / month).mkdir()
        (tmp_path / month / "f.csv").write_text(HEADER + ROW.replace("£250.00", sales), encoding="utf-8")
        reports.append(("business_report", str(tmp_path / month / "f.csv")))
    periods = [{"file": "f.csv", "from": f"2026-{m}-01", "to": f"2026-{m}-31"} for m in ("07", "08")]
    report = analyze(reports, {"periods": periods})["report"]
    assert [(p["from"], p["sales"]) for p in report["business"]["periods"]] == [("2026-07-01", 25000), ("2026-08-01", 10000)]


def test_a_report_saved_twice(analyze, write):
    """Other bytes, the same rows: undated it would double everything; dated differently it is said."""
    second = ROW.replace("CHILD001", "CHILD002").replace("SKU-1", "SKU-2")
    reports = [("business_report", write("a.csv", HEADER + ROW + second)),
               ("business_report", write("b.csv", (HEADER + second.replace("Kettle", "Teapot") + ROW).replace("\n", "\r\n")))]
    refused(analyze(reports), "equal_reports", "a.csv", "b.csv", "periods")
    refused(analyze(reports, {"periods": [{"from": "2026-08-01", "to": "2026-08-31"}]}), "equal_reports", "a.csv", "b.csv")
    dated = analyze(reports, {"periods": [{"from": f"2026-0{m}-01", "to": f"2026-0{m}-28"} for m in (1, 2)]})
    assert dated["status"] == 0 and dated["warnings"] == ["equal_reports"]
    other = [reports[0], ("business_report", write("c.csv", HEADER + ROW + second.replace(",10,", ",9,")))]
    assert analyze(other)["report"]["business"]["totals"]["units"] == 39


# ---- the rule for SKU rows

def test_sessions_count_once(analyze, write):
    """SKU rows repeat the traffic of their ASIN; a child under another parent has traffic of its own."""
    rows = (ROW + ROW.replace("SKU-1", "SKU-2").replace(",10,£250.00,9", ",5,£125.00,5") +
            ROW.replace("B0PARENT01", "B0PARENT02").replace("100,150", "7,9").replace(",10,£250.00,9", ",1,£25.00,1"))
    report = analyze([("business_report", write("f.csv", HEADER + rows))])["report"]
    totals = report["business"]["totals"]
    assert (totals["asins"], totals["sessions"], totals["page_views"], totals["units"], totals["sales"]) == (1, 107, 159, 16, 40000)
    assert totals["conversion_ppm"] == round(16 / 107 * 10**6)
    assert [p["key"] for p in report["business"]["parents"]["rows"]] == ["B0PARENT01", "B0PARENT02"]


def test_buy_box_is_weighted_by_page_views(analyze, write):
    rows = ROW + ROW.replace("CHILD001", "CHILD002").replace("100,150,90.00%", "100,1350,50.00%")
    report = analyze([("business_report", write("f.csv", HEADER + rows))])["report"]
    assert report["business"]["totals"]["buy_box_ppm"] == (150 * 900000 + 1350 * 500000) // 1500


def test_products_without_orders_stay(analyze, write):
    rows = ROW + ROW.replace("CHILD001", "CHILD002").replace(",10,£250.00,9", ",0,£0.00,0")
    report = analyze([("business_report", write("f.csv", HEADER + rows))])["report"]
    assert [p["key"] for p in report["business"]["no_orders"]["rows"]] == ["B0CHILD002"]
    assert report["business"]["totals"]["asins"] == 2


def test_rows_that_stand_twice(analyze, write):
    outcome = analyze([("business_report", write("f.csv", HEADER + ROW + ROW))])
    assert outcome["report"]["business"]["totals"]["units"] == 10
    assert ("repeated_rows", 1) in [(e["code"], e["count"]) for e in outcome["report"]["exclusions"]]


@pytest.mark.parametrize("field,contents,code", [("business_report", [HEADER + ROW + ROW], "repeated_rows"),
                                                 ("orders", [ORDERS + line(), ORDERS + line() + "\n"], "repeated_lines")])
def test_what_came_twice_is_of_data_quality(analyze, write, field, contents, code):
    """Not only left out: "nothing to remark" would be untrue."""
    report = analyze([(field, write(f"{i}.csv", content)) for i, content in enumerate(contents)])["report"]
    said = {q["code"]: q["count"] for q in report["data_quality"]}
    assert said.get(code) == 1 and "clean" not in said and code in [e["code"] for e in report["exclusions"]]


@pytest.mark.parametrize("blank", [",,,,,,,,,\n", " ,\u00a0,,,,,,,,\r\n", ",,,\n", '"",,,,,,,,,\n', ",,,,,,,,,"])
def test_rows_without_a_cell_are_blank_lines(analyze, write, blank):
    """No total, no bad row: nothing stands there."""
    report = analyze([("business_report", write("f.csv", HEADER + ROW + blank))])["report"]
    assert (report["inputs"][0]["rows"], report["bad_rows"], report["exclusions"]) == (1, [], [])
    orders = analyze([("orders", write("o.txt", ORDERS + line() + "\t" * 11 + "\n"))])["report"]
    assert (orders["inputs"][0]["rows"], orders["bad_rows"]) == (1, [])


@pytest.mark.parametrize("column,of,more,as_much", [
    ("Ordered Product Sales", "£250.00", "£250.01", "£250.00"), ("Units ordered", "10", "11", "10"), ("Sessions – Total", "100", "101", "100"),
    ("Total order items", "9", "10", "9")])
def test_a_part_is_no_more_than_its_whole(analyze, write, column, of, more, as_much):
    """What businesses bought is part of what all did: likeliest, a column has another's name."""
    header = HEADER.strip() + f",{column} – B2B\n"
    with_b2b = lambda n, cell: ROW.strip().replace("CHILD001", f"CHILD00{n}") + f",{cell}\n"
    report = analyze([("business_report", write("f.csv", header + with_b2b(1, as_much) + with_b2b(2, more)))])["report"]
    assert report["bad_rows"] == [{"file": "f.csv", "row": 3, "column": f"{column} – B2B", "problem": f'"{more}" is more than all of "{column}"'}]
    assert report["business"]["totals"]["asins"] == 1
    nothing = header + with_b2b(1, as_much) + with_b2b(2, as_much).replace(f",{of},", ",0,", 1)
    assert [b["row"] for b in analyze([("business_report", write("f.csv", nothing))])["report"]["bad_rows"]] == [3]


def test_a_single_period_has_none_before(analyze, write):
    """No 0 for what there is not: in no ranking, and in no file."""
    outcome = analyze([("business_report", write("f.csv", HEADER + ROW))])
    for ranking, name in (("asins", "asins.csv"), ("skus", "skus.csv"), ("parents", "parents.csv")):
        row = outcome["report"]["business"][ranking]["rows"][0]
        assert (row["sales_period_before"], row["sales_last_period"], row["growth_ppm"]) == (None, 25000, None)
        written = next(csv.DictReader((outcome["folder"] / name).read_text(encoding="utf-8-sig").splitlines()))
        assert (written["sales_period_before"], written["sales_last_period"]) == ("", "250.00")
    two = analyze([("business_report", write(f"{month} 2026.csv", HEADER + ROW.replace("CHILD001", f"CHILD00{n}").replace("SKU-1", f"SKU-{n}")))
                   for n, month in enumerate(("August", "September"))])["report"]["business"]["asins"]["rows"]
    assert [(r["sales_period_before"], r["sales_last_period"]) for r in two] == [(25000, 0), (0, 25000)]


@pytest.mark.parametrize("sold,top,said", [
    ((0,), 25, "it would sell {units} units more."),
    ((0, 0), 25, "they would sell {units} units more."),
    ((1, 0), 25, "they would sell {units} units more, for {sales} without those that sold none."),
    ((1, 1), 25, "they would sell {units} units more, for {sales}."),
    ((0,) * 6 + (1,), 5, "the 5 listed would sell {units} units more."),
])
def test_what_products_without_a_price_of_their_own_miss(analyze, write, sold, top, said):
    """A product that sold nothing has no price: what it misses is told in units, never as an amount of 0."""
    rows = "".join(ROW.replace("CHILD001", f"CHILD00{n}").replace("SKU-1", f"SKU-{n}").replace("100,150", f"{200 - n},350")
                   .replace(",10,£250.00,9", f",{units},£{units * 25}.00,{units}") for n, units in enumerate(sold))
    few = "".join(ROW.replace("CHILD001", f"CHILD1{n:02}").replace("SKU-1", f"SKU-1{n}").replace("100,150", "10,15") for n in range(len(sold)))
    report = analyze([("business_report", write("f.csv", HEADER + rows + few))], top=top)["report"]
    leaks = report["business"]["high_traffic_low_conversion"]
    assert leaks["total"] == len(sold) and [r["missed_sales"] is None for r in leaks["rows"]].count(False) == sum(sold[:top])
    units, sales = (sum(r[name] or 0 for r in leaks["rows"]) for name in ("missed_units", "missed_sales"))
    text = next(h["text"] for h in report["highlights"] if h["code"] == "leaks")
    assert text.endswith(". At the average conversion " + said.format(units=units, sales=f"£{sales / 100:,.2f}")), text


# ---- forms

def test_38_columns_in_any_case_and_cp1252(analyze, write):
    header = HEADER.replace("Sessions – Total", "Sessions – Mobile APP – B2B,SESSIONS—TOTAL".replace("—", " — "))
    content = (header + ROW.replace("SKU-1,", "SKU-1,3,").replace("Kettle", "Théière")).encode("cp1252")
    report = analyze([("business_report", write("f.csv", content))])["report"]
    assert report["business"]["totals"]["sessions"] == 100
    assert report["business"]["asins"]["rows"][0]["title"] == "Théière"
    assert "not_utf8" in [q["code"] for q in report["data_quality"]]


def test_embedded_line_feed_and_rows(analyze, write):
    """Rows are lines of the file, as an editor counts them."""
    rows = ROW.replace("Kettle", '"Tea\r\npot ""big"""') + ROW.replace("CHILD001", "CHILD002").replace(",10,", ",ten,")
    outcome = analyze([("business_report", write("f.csv", HEADER + rows))])
    assert outcome["report"]["bad_rows"] == [{"file": "f.csv", "row": 4, "column": "Units ordered",
                                              "problem": '"ten" is not a whole number written like 1,234.56'}]
    assert outcome["warnings"] == ["bad_rows", "period_unknown"] and outcome["report"]["business"]["totals"]["asins"] == 1


def test_a_number_of_another_locale_is_never_misread(analyze, write):
    rows = ROW + "".join(ROW.replace("CHILD001", f"CHILD00{i}").replace(old, new)
                         for i, (old, new) in enumerate([("100,150", "1.250,150"), ("£250.00", '"£1.699,15"'), ("£250.00", "£1.699")]))
    outcome = analyze([("business_report", write("f.csv", HEADER + rows))])
    assert outcome["report"]["inputs"][0]["bad_rows"] == 3 and outcome["report"]["business"]["totals"]["sales"] == 25000


@pytest.mark.parametrize("old,new", [("100,150", "1.000,150"), ("100,150", "100,1.500"), ("£250.00", "£2.500"), (",10,", ",1.000,"), (",9\n", ",9.000\n")])
def test_thousands_of_another_locale_are_no_decimals(analyze, write, old, new):
    outcome = analyze([("business_report", write("f.csv", HEADER + ROW + ROW.replace("CHILD001", "CHILD002").replace(old, new)))])
    totals = outcome["report"]["business"]["totals"]
    assert (totals["asins"], totals["sessions"], totals["units"], totals["sales"]) == (1, 100, 10, 25000)
    assert [b["row"] for b in outcome["report"]["bad_rows"]] == [3] and "written like 1,234.56" in outcome["report"]["bad_rows"][0]["problem"]


def test_thousands_in_german_reports_and_orders(analyze, write):
    header = ("(Übergeordnete) ASIN;(Untergeordnete) ASIN;Titel;SKU;Sitzungen – Gesamt;Bestellte Einheiten;"
              "Durch bestellte Produkte erzielter Umsatz\n")
    rows = "B0PARENT01;B0CHILD001;Kanne;K1;1.000;10;1.250,00 €\n" + "B0PARENT01;B0CHILD002;Kanne;K2;1,000;10;1.250,00 €\n"
    orders = ORDERS + line(currency="EUR", channel="Amazon.de", price="1.25") + line(order="2", currency="EUR", channel="Amazon.de", price="1.250")
    report = analyze([("business_report", write("f.csv", header + rows)), ("orders", write("o.txt", orders))])["report"]
    assert report["business"]["totals"]["sessions"] == 1000 and report["orders"]["totals"]["revenue"] == 125
    assert [(b["file"], b["row"]) for b in report["bad_rows"]] == [("f.csv", 3), ("o.txt", 3)]


def test_only_rows_without_any_key_are_totals(analyze, write):
    rows = ROW + ",,Total,,100,150,90%,10,£250.00,9\n" + ROW.replace("B0CHILD001", "") + ROW.replace("B0PARENT01,B0CHILD001", ",")
    report = analyze([("business_report", write("f.csv", HEADER + rows))])["report"]
    assert ("total_rows", 1) in [(e["code"], e["count"]) for e in report["exclusions"]]
    assert report["bad_rows"] == [{"file": "f.csv", "row": n, "column": "(Child) ASIN", "problem": "is missing"} for n in (4, 5)]


SWALLOWS = "closed only in a later row"


@pytest.mark.parametrize("bad,last", [
    ('B0PARENT01,B0CHILD001,"Kettle,SKU-1,100,150,90.00%,10,£250.00,9\n', ROW.replace("Kettle", 'Plate 10"')),  # one valid row of twelve
    ('B0PARENT01,B0CHILD001,"Kettle,SKU-1,100,150,90.00%,10,£250.00,9\n', ROW.replace("Kettle", '"Plate, round"')),
    ('B0PARENT01,B0CHILD001,Kettle,SKU-1,100,150,90.00%,10,£250.00,"9\n', ROW.replace("Kettle", 'Plate 10"')),
])
@pytest.mark.parametrize("between", [0, 1, 10])
def test_an_open_quote_swallows_no_rows(analyze, write, bad, last, between):
    rows = ROW + bad + "".join(ROW.replace("CHILD001", f"CHILD1{n:02}") for n in range(between)) + last + ROW.replace("CHILD001", "CHILD003")
    refused(analyze([("business_report", write("f.csv", HEADER + rows))]), "unreadable", "f.csv, row 3, column", SWALLOWS)


def test_an_open_quote_where_the_title_is_first(analyze, write):
    header = "Title,(Child) ASIN,Sessions,Units ordered,Ordered product sales\n"
    rows = '"Kettle,B0CHILD001,5,1,£2.00\nPlate 10",B0CHILD002,5,1,£2.00\n'
    refused(analyze([("business_report", write("f.csv", header + rows))]), "unreadable", "row 2, column 1", "Title", SWALLOWS)


def test_an_open_quote_among_orders(analyze, write):
    content = (ORDERS + line() + line(order="2").replace("Kettle", '"Kettle') + line(order="3").replace("Kettle", '10"')).replace("\t", ",")
    refused(analyze([("orders", write("o.csv", content))]), "unreadable", "row 3, column 6", SWALLOWS)


def test_a_download_that_was_cut_off(analyze, write):
    outcome = analyze([("business_report", write("f.csv", HEADER + ROW + ROW.replace("CHILD001", "CHILD002")[:-len("0.00,9\n")]))])
    assert outcome["report"]["business"]["totals"]["sales"] == 25000 and "bad_rows" in outcome["warnings"]
    assert [(b["row"], "9 of 10 columns" in b["problem"]) for b in outcome["report"]["bad_rows"]] == [(3, True)]
    whole = analyze([("business_report", write("f.csv", HEADER + ROW + ROW.replace("CHILD001", "CHILD002")[:-1]))])
    assert whole["report"]["business"]["totals"]["sales"] == 50000 and whole["report"]["bad_rows"] == []


@pytest.mark.parametrize("cell,kept,remark", [("100%", True, False), ("100.01%", False, False), ("150", False, False), ("0.97", True, True),
                                              ("0.97%", True, False), ("1", True, True), ("1.01", True, False), ("0", True, False)])
def test_buy_box_is_a_percentage(analyze, write, cell, kept, remark):
    rows = ROW.replace("90.00%", cell) + ROW.replace("CHILD001", "CHILD002").replace("90.00%", "0")
    outcome = analyze([("business_report", write("f.csv", HEADER + rows))])
    assert outcome["report"]["business"]["totals"]["asins"] == 1 + kept
    assert ("buy_box_fraction" in outcome["warnings"]) == remark
    if not kept:
        assert outcome["report"]["bad_rows"][0]["problem"] == f'"{cell}" is more than 100%'


def test_pasted_exports_in_any_letter_case(analyze, write):
    """Each is an export of its own: the same line in both is one line."""
    content = ORDERS + line() + ORDERS.upper() + line() + line(order="2")
    report = analyze([("orders", write("o.txt", content))])["report"]
    assert report["orders"]["totals"]["lines"] == 2 and report["bad_rows"] == []
    assert "repeated_header" in [q["code"] for q in report["data_quality"]]


def test_listed_bad_rows_are_limited(analyze, write):
    rows = ROW + ROW.replace(",10,", ",ten,") * 7
    outcome = analyze([("business_report", write("f.csv", HEADER + rows))], bad_rows_listed=5)
    assert len(outcome["report"]["bad_rows"]) == 5 and outcome["report"]["inputs"][0]["bad_rows"] == 7


@pytest.mark.parametrize("name,dates,by", [
    ("BusinessReport-March-2026.csv", ("2026-03-01", "2026-03-31"), "file_name"),
    ("BusinessReport-3-31-26.csv", (None, None), "unknown"), ("BusinessReport-2026-03-31.csv", (None, None), "unknown"),
    ("sales_2026-03-01_2026-03-14.csv", ("2026-03-01", "2026-03-14"), "file_name"), ("report.csv", (None, None), "unknown"),
])
def test_period_of_a_file(analyze, write, name, dates, by):
    report = analyze([("business_report", write(name, HEADER + ROW))])["report"]
    period = report["business"]["periods"][0]
    assert ((period["from"], period["to"]), period["period_by"]) == (dates, by)
    assert {"file_name": "period_from_file_name", "unknown": "period_unknown"}[by] in [a["code"] for a in report["assumptions"]]


def test_currency_sign_of_several(analyze, write):
    dollars = write("f.csv", HEADER + ROW.replace("£", "$"))
    outcome = analyze([("business_report", dollars)])
    assert outcome["report"]["currency"] == "USD" and "currency_guessed" in outcome["warnings"]
    assert analyze([("business_report", dollars)], {"marketplace": "CA"})["report"]["currency"] == "CAD"


# ---- orders

def test_lines_without_a_price_are_not_zero(analyze, write):
    content = ORDERS + line() + line(order="2", status="Pending", currency="", price="") + line(order="3", status="Cancelled", quantity="0", currency="", price="")
    orders = analyze([("orders", write("o.txt", content))])["report"]["orders"]
    assert orders["totals"]["orders"] == 1 and orders["totals"]["average_order_value"] == 1250
    assert orders["pending"] == {"lines": 1, "units": 1, "orders": 1} and orders["cancelled"] == {"lines": 1, "units": 0, "orders": 1}
    assert orders["orders_in_any_state"] == 3


def test_the_same_line_in_two_exports(analyze, write):
    """Newest last-updated-date wins, whichever file it is in; two like lines of one order are two."""
    new = write("new.txt", ORDERS + line(updated="2026-08-09T00:00:00+02:00", price="20.00") * 2)
    old = write("old.txt", ORDERS + line(price="10.00") * 2 + line(order="202-2222222-2222222", price="1.00"))
    outcome = analyze([("orders", new), ("orders", old)])
    assert outcome["report"]["orders"]["totals"]["revenue"] == 4100 and outcome["report"]["orders"]["totals"]["lines"] == 3
    assert ("repeated_lines", 2) in [(e["code"], e["count"]) for e in outcome["report"]["exclusions"]]


def test_exports_that_do_not_tell_the_asin(analyze, write):
    """An item of an order is its SKU: with and without an ASIN it is one line, and a newer cancelled one counts."""
    old = write("old.txt", ORDERS + line(price="10.00") + line(order="202-2222222-2222222", price="7.00"))
    new = write("new.txt", ORDERS + line(price="10.00", asin="") + line(order="202-2222222-2222222", asin="", status="Cancelled", quantity="0", price="",
                                                                        updated="2026-08-09T00:00:00+00:00"))
    orders = analyze([("orders", old), ("orders", new)])["report"]["orders"]
    assert (orders["totals"]["revenue"], orders["totals"]["units"], orders["cancelled"]["lines"]) == (1000, 1, 1)
    without = write("without.txt", "".join("\t".join(c for i, c in enumerate(row.split("\t")) if i != 7) for row in (ORDERS, line(price="10.00"))))
    assert analyze([("orders", old), ("orders", without)])["report"]["orders"]["totals"]["units"] == 2


def test_asins_that_another_file_tells(analyze, write):
    """A line without ASIN is of the ASIN that its SKU has in any file given, while all files agree about it."""
    drop = lambda *rows: "".join("\t".join(c for i, c in enumerate(row.split("\t")) if i != 7) for row in rows)
    told = write("told.txt", ORDERS + line() + line(order="2", sku="S2", asin="B0CHILD002") + line(order="3", sku="S2", asin="B0CHILD003"))
    bare = write("bare.txt", drop(ORDERS, line(order="4"), line(order="5", sku="S2"), line(order="6", sku="S3"), line(order="7", sku="SKU-1")))
    business = write("b.csv", HEADER + ROW)
    report = analyze([("orders", bare), ("orders", told), ("business_report", business)])["report"]
    sold = {r["key"]: (r["asin"], r["lines"]) for r in report["orders"]["asins"]["rows"]}
    assert sold == {"B0CHILD001": ("B0CHILD001", 3), "B0CHILD002": ("B0CHILD002", 1), "B0CHILD003": ("B0CHILD003", 1), "S2": (None, 1), "S3": (None, 1)}
    assert {r["key"]: r["asin"] for r in report["orders"]["skus"]["rows"]}["SKU-1"] == "B0CHILD001"
    said = {r["code"]: (r["count"], r["text"]) for r in report["assumptions"] + report["data_quality"]}
    assert said["asin_by_sku"][0] == 2
    assert said["ambiguous_sku"] == (1, "1 SKU without an ASIN in some export has several in the files given (S2): its 1 order line is ranked under the SKU.")
    assert said["asin_unknown"][0] == 1 and "S3" in said["asin_unknown"][1]


def test_sums_that_are_too_large(analyze, write):
    """Of one product and day, of several products on a day: no sum is clipped."""
    for skus in (("S1",), ("S1", "S2", "S3")):
        rows = "".join(line(order=str(n), sku=skus[n % len(skus)], asin="", price="9999999999999.99") for n in range(9300))
        refused(analyze([("orders", write("o.txt", ORDERS + rows))]), "too_large", "too large to be added")


def test_lines_that_became_one(analyze, write):
    """The newer export gives two lines of a SKU as one of quantity 2."""
    old = write("old.txt", ORDERS + line(price="10.00") * 2)
    new = write("new.txt", ORDERS + line(price="20.00", quantity="2", updated="2026-08-09T00:00:00+00:00"))
    for files_ in ([old, new], [new, old]):
        totals = analyze([("orders", p) for p in files_])["report"]["orders"]["totals"]
        assert (totals["units"], totals["revenue"], totals["lines"]) == (2, 2000, 1)


def test_figures_of_some_reports_only(analyze, write):
    """B2B columns in one of two reports: the share is of the sales of that one, and it is said."""
    with_b2b = (HEADER.strip() + ",Ordered Product Sales – B2B,Units Ordered – B2B\n", ROW.strip() + ",£125.00,4\n")
    august, september = write("August 2026.csv", "".join(with_b2b)), write("September 2026.csv", HEADER + ROW)
    report = analyze([("business_report", august), ("business_report", september)])["report"]
    totals = report["business"]["totals"]
    assert (totals["sales_b2b_ppm"], totals["units_b2b_ppm"], totals["sales"]) == (500000, 400000, 50000)
    assert [q["count"] for q in report["data_quality"] if q["code"] == "partly_known"] == [1, 1]


def test_promotions_that_no_column_tells(analyze, write):
    """Without the columns of promotions, discounts are unknown: no zero in any form of the report, and it is said."""
    outcome = analyze([("orders", write("o.txt", ORDERS + line()))])
    totals = outcome["report"]["orders"]["totals"]
    assert [totals[n] for n in ("discount", "discount_ppm", "promoted_lines", "promoted_lines_ppm", "revenue_b2b")] == [None] * 5
    said = [q["text"] for q in outcome["report"]["data_quality"] if q["code"] == "not_told"]
    assert said == ["No order line tells: promotion discounts, promotions, purchases by businesses."]
    text, page = ((outcome["folder"] / name).read_text() for name in ("report.md", "report.html"))
    assert "| Promotion discounts | – |" in text and "| Lines with a promotion | – |" in text and said[0] in text
    assert "1 order of £12.50 on average; 0.0% of orders with a cancelled line." in text
    assert "Promotion discounts</td><td class=\"n\">–</td>" in page and said[0] in page


@pytest.mark.parametrize("column", ["item-promotion-discount", "promotion-ids"])
def test_promotions_that_one_export_tells(analyze, write, column):
    """Shares are of the lines of the export that has the column; an empty cell there is no promotion."""
    cells = {"item-promotion-discount": "2.50", "promotion-ids": "Spring"}
    tell = lambda row, cell: row.strip() + "\t" + cell + "\n"
    with_it = write("with.txt", tell(ORDERS, column) + tell(line(), cells[column]) + tell(line(order="2"), ""))
    without = write("without.txt", ORDERS + line(order="3") + line(order="4"))
    report = analyze([("orders", with_it), ("orders", without)])["report"]
    totals, discounts = report["orders"]["totals"], column == "item-promotion-discount"
    assert (totals["discount"], totals["discount_ppm"]) == ((250, 100000) if discounts else (None, None))
    assert (totals["promoted_lines"], totals["promoted_lines_ppm"]) == ((None, None) if discounts else (1, 500000))
    assert [q["count"] for q in report["data_quality"] if q["code"] == "partly_known"] == [2]


def test_currency_of_a_line_without_amounts(analyze, write):
    """Cancelled lines keep the currency of the buyer's country; without an amount it says nothing."""
    content = (ORDERS + line() + line(order="2", status="Cancelled", quantity="0", currency="EUR", price="") +
               line(order="3", status="Pending", currency="EUR", price=" - "))
    report = analyze([("orders", write("o.txt", content))])["report"]
    assert (report["currency"], report["orders"]["totals"]["revenue"], report["bad_rows"]) == ("GBP", 1250, [])
    assert report["orders"]["cancelled"]["lines"] == report["orders"]["pending"]["lines"] == 1


def test_priced_lines_without_a_currency(analyze, write):
    """They are read as the report's, and it is said."""
    content = ORDERS + line() + line(order="2", currency="") + line(order="3", status="Cancelled", quantity="0", currency="", price="")
    report = analyze([("orders", write("o.txt", content))])["report"]
    assert report["orders"]["totals"]["revenue"] == 2500
    assert [(a["count"], a["text"]) for a in report["assumptions"] if a["code"] == "currency_of_lines"] == [
        (1, "1 order line has a price and no currency; it was read as GBP.")]
    bare = analyze([("orders", write("o.txt", ORDERS + line(currency="") + line(order="2", currency="")))])["report"]
    assert {"currency_unknown"} == {"currency_unknown", "currency_of_lines"} & {a["code"] for a in bare["assumptions"]}


def test_orders_that_a_spreadsheet_saved(analyze, write):
    """Quotes around whole cells go, those of a title stay."""
    quoted = "".join("\t".join('"' + cell.replace('"', '""') + '"' for cell in row.split("\t")) + "\n"
                     for row in (ORDERS + line().replace("Kettle", 'Kettle 10"')).splitlines())
    report = analyze([("orders", write("o.txt", quoted + line(order="2", sku="S2").replace("Kettle", '"Best" tea "pot"')))])["report"]
    assert report["orders"]["totals"]["revenue"] == 2500 and report["bad_rows"] == []
    assert {s["key"]: s["title"] for s in report["orders"]["skus"]["rows"]} == {"S1": 'Kettle 10"', "S2": '"Best" tea "pot"'}


def test_blank_lines_before_the_header(analyze, write):
    outcome = analyze([("business_report", write("f.csv", "\r\n,,,,\n" + HEADER + ROW + ROW.replace(",10,", ",ten,")))])
    assert outcome["report"]["business"]["totals"]["units"] == 10 and [b["row"] for b in outcome["report"]["bad_rows"]] == [5]


# What others know of currencies. ISO 4217 gives these no decimals, or they are newer than iso-codes of Debian 12.
NO_MINOR_UNIT = {"XAG", "XAU", "XBA", "XBB", "XBC", "XBD", "XDR", "XPD", "XPT", "XSU", "XTS", "XUA", "XXX"}
NEWER = {"XCG", "ZWG"}
# ICU tells decimals as people use them, CLDR's; ISO 4217 has 2 for these, and 3 for IQD.
UNUSED_DECIMALS = {"AFN", "ALL", "IQD", "IRR", "KPW", "LAK", "LBP", "MGA", "MMK", "RSD", "SLL", "SOS", "SYP", "YER"}


@pytest.fixture
def currencies():
    """{code: decimals} of all that the plugin takes."""
    said = subprocess.run([os.path.join(BUILD, "tests", "plugins", "amazon_run"), "--currencies"], stdout=subprocess.PIPE, text=True, check=True).stdout
    return {code: int(decimals) for code, decimals in map(str.split, said.splitlines())}


def test_currencies_are_those_of_iso_4217(currencies):
    path = "/usr/share/iso-codes/json/iso_4217.json"
    if not os.path.exists(path):
        pytest.skip("iso-codes is not installed (scripts/deps --test)")
    with open(path, encoding="utf-8") as f:
        known = {c["alpha_3"] for c in json.load(f)["4217"]}
    assert set(currencies) - NEWER == known - NO_MINOR_UNIT - NEWER


def test_decimals_of_currencies(currencies):
    name = ctypes.util.find_library("icui18n")
    if name is None:
        pytest.skip("ICU is not installed (scripts/deps --test)")
    digits = getattr(ctypes.CDLL(name), "ucurr_getDefaultFractionDigits_" + name.rsplit(".", 1)[1])
    digits.argtypes, digits.restype = [ctypes.c_char_p, ctypes.POINTER(ctypes.c_int)], ctypes.c_int32
    for code, decimals in currencies.items():
        want = digits((code + "\0").encode("utf-16-le") + b"\0\0", ctypes.byref(ctypes.c_int(0)))
        assert decimals == want or (want == 0 and code in UNUSED_DECIMALS), (code, decimals, want)


def test_other_marketplaces(analyze, write):
    content = ORDERS + line() + line(order="2", channel="Amazon.de", currency="EUR") + line(order="3", channel="Non-Amazon")
    path = write("o.txt", content)
    refused(analyze([("orders", path)]), "mixed_currencies", "marketplace")
    report = analyze([("orders", path)], {"marketplace": "GB"})["report"]
    assert report["orders"]["totals"]["orders"] == 1
    assert {("not_amazon", 1), ("other_marketplace", 1)} <= {(e["code"], e["count"]) for e in report["exclusions"]}
    refused(analyze([("orders", write("u.txt", ORDERS + line()))], {"marketplace": "US", "currency": "GBP"}), "other_marketplace", "Amazon.com")


def test_personal_data_goes_nowhere(analyze, write):
    outcome = analyze([("orders", write("o.txt", ORDERS + line() + line(order="2", quantity="x")))])
    for path in outcome["folder"].iterdir():
        assert b"Leeds" not in path.read_bytes(), path
    assert "personal_data" in [q["code"] for q in outcome["report"]["data_quality"]]


# ---- outputs

HOSTILE = """</td><script>alert(1)</script>" onload='x' & \u202e\x07 =cmd|' /C'!A0"""


def test_text_is_escaped_everywhere(analyze, write):
    row = ROW.replace("Kettle", '"' + HOSTILE.replace('"', '""') + '"').replace("SKU-1", "=1+1")
    outcome = analyze([("business_report", write("<b>&.csv", HEADER + row + row.replace(",10,", ",<i>,")))])
    html = (outcome["folder"] / "report.html").read_text(encoding="utf-8")
    assert "<script" not in html and "<b>&" not in html and "<i>" not in html and "\x07" not in html
    assert "&lt;/td&gt;&lt;script&gt;" in html
    markdown = (outcome["folder"] / "report.md").read_text(encoding="utf-8")
    assert "<script" not in markdown and "\\|" in markdown
    rows = list(csv.reader((outcome["folder"] / "skus.csv").read_text(encoding="utf-8-sig").splitlines()))
    assert rows[1][1] == "'=1+1"
    assert outcome["report"]["business"]["asins"]["rows"][0]["title"] == HOSTILE


@pytest.mark.parametrize("title,written", [
    ("=1+1", "'=1+1"), ("a;=1+1", "a;'=1+1"), ("a; @x", "a; '@x"), ("a - b", "a - b"), ("a=b", "a=b"), ("＝1", "'＝1"), ("＠x", "'＠x"), ("  +1", "'+1"),
])
def test_csv_texts_are_no_formulas(analyze, write, title, written):
    """Neither at the beginning nor behind a semicolon, which ends a cell for other spreadsheets."""
    outcome = analyze([("business_report", write("f.csv", HEADER + ROW.replace("Kettle", title)))])
    content = (outcome["folder"] / "asins.csv").read_bytes()
    assert content.startswith(b"\xef\xbb\xbfrank,")
    assert next(csv.DictReader(content.decode("utf-8-sig").splitlines()))["title"] == written


def test_one_of_each_reads_well(analyze, write):
    """The smallest report: no "1 orders", no average of nothing, no product that missed no unit."""
    orders = write("o.txt", ORDERS + line() + line(order="2", status="Cancelled", quantity="1", currency="", price=""))
    rows = ROW + ROW.replace("CHILD001", "CHILD002").replace("100,150", "101,151")
    markdown = (analyze([("orders", orders), ("business_report", write("f.csv", HEADER + rows + ",,Total,,0,0,0%,0,£0.00,0\n"))])["folder"] / "report.md").read_text()
    assert "1 order of £12.50 on average" in markdown and "1 row without an ASIN is a total" in markdown
    assert "1 cancelled order line left out (1 unit, in 1 order)" in markdown and "High traffic, low conversion\n\nLast period" not in markdown
    nothing = write("n.txt", ORDERS + line(status="Cancelled", quantity="0", currency="", price=""))
    assert "No order line counts as sold" in (analyze([("orders", nothing)])["folder"] / "report.md").read_text()


def chart(outcome, name):
    """One figure of the page, "" when it is not there."""
    found = re.search(f'<figure class="card chart" id="{name}">.*?</figure>', (outcome["folder"] / "report.html").read_text(encoding="utf-8"), re.DOTALL)
    return found.group(0) if found else ""


def left_axis(figure):
    return re.findall('class="axis end">([^<]*)<', figure)


SAMPLES = [("orders" if name.startswith("orders") else "business_report", os.path.join(REPO, "plugins", "amazon", "samples", name))
           for name in ("BusinessReport-August-2026.csv", "BusinessReport-September-2026.csv", "BusinessReport-October-2026.csv",
                        "orders-2026-08-01-to-2026-09-18.txt", "orders-2026-09-10-to-2026-10-31.txt")]


def test_cards_say_what_is_compared(analyze):
    """A total of all periods, and below it the two periods that a change is about."""
    outcome = analyze(SAMPLES)
    growth = outcome["report"]["business"]["periods"][2]["growth"]["sales_ppm"]
    page = (outcome["folder"] / "report.html").read_text(encoding="utf-8")
    assert f'<dt>Sales</dt><dd>£11,860.01</dd><dd class="note up">+{growth / 10000:.1f}%, October 2026 vs September 2026</dd>' in page


def test_charts_of_the_samples(analyze):
    outcome = analyze(SAMPLES)
    trend, scatter = chart(outcome, "trend"), chart(outcome, "scatter")
    assert left_axis(trend) == ["£0", "£300", "£600", "£900", "£1.2k"]  # not twice as high as what it shows
    dots = re.findall('<circle class="dot( partial)?" cx="([^"]*)"', trend)
    joined = re.findall("[ML]([0-9.]+) ", re.search('class="line" d="([^"]*)"', trend).group(1))
    assert joined == [x for partial, x in dots if not partial] and len(joined) == len(dots) - 2  # a part of a week is no fall
    named = outcome["report"]["business"]["high_traffic_low_conversion"]["rows"][0]["key"]
    assert re.search(f'class="point-name[^"]*">{named}<', scatter), "the product that the text names first"


@pytest.mark.parametrize("sales,labels", [("5.00", ["£0", "£2", "£4", "£6", "£8"]), ("9.50", ["£0", "£3", "£6", "£9", "£12"]),
                                          ("0.50", ["£0", "£1", "£2", "£3", "£4"]), ("1,599.00", ["£0", "£400", "£800", "£1.2k", "£1.6k"])])
def test_labels_of_an_axis_are_what_they_say(analyze, write, sales, labels):
    outcome = analyze([("business_report", write("f.csv", HEADER + ROW.replace("£250.00", f'"£{sales}"')))])
    assert left_axis(chart(outcome, "pareto")) == labels


def test_charts_that_would_show_nothing(analyze, write):
    one = analyze([("business_report", write("f.csv", HEADER + ROW))])
    assert [chart(one, name) == "" for name in ("period-bars", "pareto", "scatter")] == [True, False, False]
    nothing = analyze([("business_report", write("f.csv", HEADER + ROW.replace(",10,£250.00,9", ",0,£0.00,0")))])
    assert "<figure" not in (nothing["folder"] / "report.html").read_text(encoding="utf-8")
    cancelled = write("o.txt", ORDERS + line(status="Cancelled", quantity="0", currency="", price=""))
    assert "<figure" not in (analyze([("orders", cancelled)])["folder"] / "report.html").read_text(encoding="utf-8")


def test_many_equal_products(analyze, write):
    """No line along zero, and no sentence that says nothing."""
    rows = [ROW.replace("CHILD001", f"CHI{n:05}").replace("SKU-1", f"SKU-{n}") for n in range(400)]
    outcome = analyze([("business_report", write("f.csv", HEADER + "".join(rows)))])
    pareto = chart(outcome, "pareto")
    assert 'class="sum"' not in pareto and "%</text>" not in pareto and "20 of 400 products, together 5.0% of all sales" in pareto
    assert "concentration" not in [h["code"] for h in outcome["report"]["highlights"]]
    few = analyze([("business_report", write("g.csv", HEADER + "".join(rows[:20])))])
    assert 'class="sum"' in chart(few, "pareto") and "20 of 20 products" in chart(few, "pareto")


@pytest.mark.parametrize("sales,said", [
    ((25,) * 4, None), ((40, 30, 30), "One of 3 products brings 40.0% of the revenue."),
    ((80, 5, 5, 5, 5), "1 of 5 products brings 80.0% of the revenue."), ((60, 25, 5, 5, 5), "2 of 5 products bring 85.0% of the revenue; the first alone 60.0%."),
    ((90,) * 150 + (1,) * 150, "122 of 300 products bring 80.4% of the revenue."),
])
def test_concentration_is_said_where_there_is_some(analyze, write, sales, said):
    rows = "".join(ROW.replace("CHILD001", f"CHI{n:05}").replace("SKU-1", f"SKU-{n}").replace("£250.00", f"£{amount}.00") for n, amount in enumerate(sales))
    report = analyze([("business_report", write("f.csv", HEADER + rows))])["report"]
    assert [h["text"] for h in report["highlights"] if h["code"] == "concentration"] == [said] * (said is not None)


def test_direction_of_text(analyze, write):
    """What turns letters round is not shown; a title from right to left does not reorder the sentence around it."""
    turned, hebrew = "abc\u202egnp.exe\u2066x\x9b", "קומקום 1.4"
    rows = [ROW.replace("CHILD001", f"CHILD00{n}").replace("SKU-1", f"SKU-{n}").replace("Kettle", title).replace("100,150", f"{sessions},900")
            .replace(",10,£250.00,9", units) for n, (title, sessions, units) in enumerate(
                [(turned, 500, ",0,£0.00,0"), (hebrew, 400, ",0,£0.00,0"), ("Plain", 10, ",10,£250.00,9"), ("Other", 10, ",1,£1.00,1")])]
    outcome = analyze([("business_report", write("f.csv", HEADER + "".join(rows + [rows[2].replace("500", "\u202e5")])))])
    for name in ("report.html", "report.md"):
        assert not re.search("[\x80-\x9f\u202a-\u202e\u2066\u2067]", (outcome["folder"] / name).read_text(encoding="utf-8")), name
    texts = {h["code"]: h["text"] for h in outcome["report"]["highlights"]}
    assert "first abc\ufffdgnp.exe\ufffdx\ufffd (" in texts["leaks"]
    turned_only = analyze([("business_report", write("g.csv", HEADER + "".join(rows[1:])))])
    leaks = next(h["text"] for h in turned_only["report"]["highlights"] if h["code"] == "leaks")
    assert f"first \u2068{hebrew}\u2069 (" in leaks and f"\u2068{hebrew}\u2069" in (turned_only["folder"] / "report.html").read_text(encoding="utf-8")
    assert outcome["report"]["business"]["asins"]["rows"][2]["title"] == turned  # data stays as it is


def test_csv_files_have_all_rows(analyze, write, rng):
    products = files.catalogue(rng, 60)
    content = files.business(rng, products)
    outcome = analyze([("business_report", write("f.csv", content))], top=5)
    report = outcome["report"]["business"]
    with open(outcome["folder"] / "asins.csv", encoding="utf-8-sig", newline="") as f:
        rows = list(csv.DictReader(f))
    assert len(rows) == report["asins"]["total"] == report["totals"]["asins"]
    assert sum(round(float(r["sales"]) * 100) for r in rows) == report["totals"]["sales"]
    assert len(report["asins"]["rows"]) == 5


def documented():
    """Every member in REPORT.md: the rows of a table, under each of the places that the paragraph above it names."""
    with open(os.path.join(REPO, "plugins", "amazon", "REPORT.md"), encoding="utf-8") as f:
        parts = re.split(r"\n\n(?=\| member \|)", f.read())
    found = []
    for before, table in zip(parts, parts[1:]):
        places = re.findall("`([^`]+)`", before.rsplit("\n\n", 1)[1]) or [""]
        rows = re.findall(r"^\| `([^`]+)` \|", table.split("\n\n", 1)[0], re.MULTILINE)
        assert rows, table
        found += [f"{place}.{row}" if place else row for place in places for row in rows]
    return found


def test_every_member_of_the_report_is_documented(analyze, write, rng):
    samples = os.path.join(REPO, "plugins", "amazon", "samples")
    paths = [os.path.join(samples, name) for name in sorted(os.listdir(samples)) if "Oktober" not in name]
    both = analyze([("orders" if path.endswith("txt") else "business_report", path) for path in paths])["report"]
    spans = [files.order_lines(rng, files.catalogue(rng, 20), 200, datetime.date(2026, m, 1), 60) for m in (1, 6)]
    gap = analyze([("orders", write(f"{i}.txt", files.orders(rng, lines, bad=0.1))) for i, lines in enumerate(spans)])["report"]
    made, said = reference.members_of(both) | reference.members_of(gap), documented()
    assert len(said) == len(set(said))
    assert (sorted(made - set(said)), sorted(set(said) - made)) == ([], [])


def test_five_thousand_products_stay_small(analyze, write, rng):
    outcome = analyze([("business_report", write("f.csv", files.business(rng, files.catalogue(rng, 5000))))])
    report = outcome["report"]["business"]["asins"]
    assert report["rest"]["count"] == report["total"] - 25 > 4000
    assert (outcome["folder"] / "report.html").stat().st_size < 200_000
    assert (outcome["folder"] / "report.json").stat().st_size < 300_000


def test_disk_limit(analyze, write, rng):
    lines = files.order_lines(rng, files.catalogue(rng, 50), 40000, datetime.date(2026, 1, 1), 90)
    outcome = analyze([("orders", write("o.txt", files.orders(rng, lines)))], disk_limit="1MiB", cache="1MiB")
    assert (outcome["status"], outcome["class"], outcome["code"]) == (1, RESOURCE, "disk_limit"), outcome


def test_samples_are_what_the_script_makes(tmp_path):
    """The files in the repository and make_samples.py are one."""
    import sys
    folder = os.path.join(REPO, "plugins", "amazon")
    subprocess.run([sys.executable, os.path.join(folder, "make_samples.py"), str(tmp_path / "again")], check=True)
    names = sorted(os.listdir(os.path.join(folder, "samples")))
    assert names == sorted(os.listdir(tmp_path / "again"))
    total = 0
    for name in names:
        with open(os.path.join(folder, "samples", name), "rb") as f:
            content = f.read()
        assert content == (tmp_path / "again" / name).read_bytes(), name
        total += len(content)
    assert total < 200_000
