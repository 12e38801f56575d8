-- A row that stands twice in its report, all figures equal, counts once.
DELETE FROM traffic WHERE id IN (SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY period, parent, child, sku, sessions,
    page_views, buy_box, units, sales, items, sessions_b2b, units_b2b, sales_b2b, items_b2b ORDER BY id) AS place FROM traffic)
    WHERE place > 1);

-- A figure that only some rows tell is divided by what those rows have of the other: items_sales, b2b_of_sales and b2b_of_units are sales
-- and units of the rows that tell it; items_whole and items_sessions are of entries all of whose rows tell the order items.
-- SKU rows repeat the traffic of their ASIN: it is taken once. Their sales are their own: they are added.
CREATE TABLE entry AS SELECT period, parent, child, max(title) AS title, count(*) AS rows,
    max(sessions) AS sessions, max(page_views) AS page_views, max(buy_box) AS buy_box, max(sessions_b2b) AS sessions_b2b,
    sum(units) AS units, sum(sales) AS sales, sum(items) AS items,
    sum(units_b2b) AS units_b2b, sum(sales_b2b) AS sales_b2b, sum(items_b2b) AS items_b2b,
    sum(CASE WHEN items IS NOT NULL THEN sales END) AS items_sales,
    CASE WHEN count(items) = count(*) THEN sum(items) END AS items_whole,
    CASE WHEN count(items) = count(*) THEN max(sessions) END AS items_sessions,
    sum(CASE WHEN sales_b2b IS NOT NULL THEN sales END) AS b2b_of_sales,
    sum(CASE WHEN units_b2b IS NOT NULL THEN units END) AS b2b_of_units,
    count(items) < count(*) AS items_partly, min(sessions) <> max(sessions) AS uneven
    FROM traffic GROUP BY period, parent, child;

-- A child under several parents has traffic of its own under each. The Buy Box is weighted by page views (by sessions without them).
CREATE TABLE asin_period AS SELECT period, child, min(parent) AS parent, max(title) AS title,
    sum(sessions) AS sessions, sum(page_views) AS page_views, sum(sessions_b2b) AS sessions_b2b,
    sum(buy_box * coalesce(page_views, sessions)) AS box_sum,
    sum(CASE WHEN buy_box IS NOT NULL THEN coalesce(page_views, sessions) END) AS box_weight,
    sum(units) AS units, sum(sales) AS sales, sum(items) AS items,
    sum(units_b2b) AS units_b2b, sum(sales_b2b) AS sales_b2b, sum(items_b2b) AS items_b2b,
    sum(items_sales) AS items_sales, sum(items_whole) AS items_whole, sum(items_sessions) AS items_sessions, sum(b2b_of_sales) AS b2b_of_sales, sum(b2b_of_units) AS b2b_of_units
    FROM entry GROUP BY period, child;
CREATE UNIQUE INDEX asin_period_key ON asin_period(child, period);

CREATE TABLE sku_period AS SELECT period, sku, min(child) AS child, min(parent) AS parent, max(title) AS title,
    sum(units) AS units, sum(sales) AS sales, sum(items) AS items, sum(units_b2b) AS units_b2b, sum(sales_b2b) AS sales_b2b,
    sum(items_b2b) AS items_b2b, sum(CASE WHEN items IS NOT NULL THEN sales END) AS items_sales, NULL AS items_whole,
    NULL AS items_sessions, sum(CASE WHEN sales_b2b IS NOT NULL THEN sales END) AS b2b_of_sales,
    sum(CASE WHEN units_b2b IS NOT NULL THEN units END) AS b2b_of_units
    FROM traffic WHERE sku <> '' GROUP BY period, sku;

-- The ASIN of items whose lines do not tell it: the one that their SKU has in all files given, while these agree. asin_by: 0 told, 1 taken
-- from other files, 2 several there, 3 none.
CREATE TABLE sku_asin AS SELECT sku, min(asin) AS asin, count(*) AS asins FROM (SELECT sku, asin FROM item WHERE asin <> ''
    UNION SELECT sku, child FROM traffic) WHERE sku IN (SELECT sku FROM item WHERE asin = '') GROUP BY sku;
CREATE TABLE sold_item AS SELECT item.id AS id, item.sku AS sku, title,
    CASE WHEN asins = 1 AND item.asin = '' THEN sku_asin.asin ELSE item.asin END AS asin,
    CASE WHEN item.asin <> '' THEN 0 WHEN asins = 1 THEN 1 WHEN asins > 1 THEN 2 ELSE 3 END AS asin_by
    FROM item LEFT JOIN sku_asin ON sku_asin.sku = item.sku;
CREATE UNIQUE INDEX sold_item_key ON sold_item(id);

-- Order lines by item and by day. Two passes, for their combinations would be almost as many as the lines.
CREATE TABLE item_sum AS SELECT item, state, count(*) AS lines, sum(quantity) AS units, sum(price) AS revenue,
    sum(discount) AS discount, count(discount) AS discount_told, sum(CASE WHEN discount IS NOT NULL THEN price END) AS discount_of,
    sum(promoted) AS promoted, count(promoted) AS promoted_told, sum(returned) AS returned,
    sum(CASE WHEN returned THEN quantity ELSE 0 END) AS units_returned, sum(CASE WHEN returned THEN price ELSE 0 END) AS revenue_returned,
    count(business) AS told,
    sum(CASE WHEN business IS NOT NULL THEN price END) AS revenue_told,
    sum(CASE WHEN business IS NOT NULL THEN quantity END) AS units_told,
    sum(price * business) AS revenue_b2b, sum(quantity * business) AS units_b2b
    FROM line GROUP BY item, state;
-- Days are few: adding them up in place is cheaper than sorting all lines by day. STRICT: an overflow is an error.
CREATE TABLE day_sum(day INTEGER PRIMARY KEY, revenue INTEGER NOT NULL, units INTEGER NOT NULL, sold INTEGER NOT NULL) STRICT;
INSERT INTO day_sum SELECT day, CASE WHEN state = 0 THEN price ELSE 0 END, CASE WHEN state = 0 THEN quantity ELSE 0 END, state = 0
    FROM line WHERE true ON CONFLICT(day) DO UPDATE SET
    revenue = revenue + excluded.revenue, units = units + excluded.units, sold = sold + excluded.sold;
CREATE TABLE reach AS SELECT min(first) AS first, max(last) AS last FROM section;

-- An order counts on the day of its first sold line, so that the days add up.
CREATE TABLE ord AS SELECT order_id, min(CASE WHEN state = 0 THEN day END) AS day, max(state = 1) AS cancelled,
    max(state = 2) AS pending,
    max(state = 3) AS unpriced, max(state = 0) AS sold, max(state = 0 AND business = 1) AS b2b
    FROM line GROUP BY order_id;
