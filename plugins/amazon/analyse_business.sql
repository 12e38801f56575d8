-- The same columns for whatever is ranked: ASINs, SKUs (whose sessions are those of their ASIN, so they have none), parents. A period
-- whose report lacks a product had no sales of it; before the first period there are none to know.
CREATE TABLE asin_all AS SELECT child AS key, min(parent) AS parent, child AS asin, max(title) AS title, 1 AS children,
    sum(sales) AS sales, sum(units) AS units, sum(items) AS items, sum(sessions) AS sessions, sum(page_views) AS page_views,
    sum(sales_b2b) AS sales_b2b, sum(units_b2b) AS units_b2b, sum(items_b2b) AS items_b2b, sum(sessions_b2b) AS sessions_b2b,
    sum(box_sum) AS box_sum, sum(box_weight) AS box_weight, sum(items_sales) AS items_sales, sum(items_whole) AS items_whole, sum(items_sessions) AS items_sessions, sum(b2b_of_sales) AS b2b_of_sales, sum(b2b_of_units) AS b2b_of_units,
    CASE WHEN (SELECT last > 0 FROM span) THEN
        coalesce(sum(CASE WHEN period = (SELECT last - 1 FROM span) THEN sales END), 0) END AS sales_before,
    coalesce(sum(CASE WHEN period = (SELECT last FROM span) THEN sales END), 0) AS sales_last
    FROM asin_period GROUP BY child;

-- A period whose report has no SKUs says nothing about their sales.
CREATE TABLE sku_all AS SELECT sku AS key, min(parent) AS parent, min(child) AS asin, max(title) AS title, 1 AS children,
    sum(sales) AS sales, sum(units) AS units, sum(items) AS items, NULL AS sessions, NULL AS page_views,
    sum(sales_b2b) AS sales_b2b, sum(units_b2b) AS units_b2b, sum(items_b2b) AS items_b2b, NULL AS sessions_b2b,
    NULL AS box_sum, NULL AS box_weight, sum(items_sales) AS items_sales, sum(items_whole) AS items_whole, sum(items_sessions) AS items_sessions, sum(b2b_of_sales) AS b2b_of_sales, sum(b2b_of_units) AS b2b_of_units,
    CASE WHEN (SELECT last - 1 FROM span) IN (SELECT period FROM sku_period) THEN
        coalesce(sum(CASE WHEN period = (SELECT last - 1 FROM span) THEN sales END), 0) END AS sales_before,
    CASE WHEN (SELECT last FROM span) IN (SELECT period FROM sku_period) THEN
        coalesce(sum(CASE WHEN period = (SELECT last FROM span) THEN sales END), 0) END AS sales_last
    FROM sku_period GROUP BY sku;

CREATE TABLE parent_all AS SELECT parent AS key, parent, '' AS asin, max(title) AS title, count(DISTINCT child) AS children,
    sum(sales) AS sales, sum(units) AS units, sum(items) AS items, sum(sessions) AS sessions, sum(page_views) AS page_views,
    sum(sales_b2b) AS sales_b2b, sum(units_b2b) AS units_b2b, sum(items_b2b) AS items_b2b, sum(sessions_b2b) AS sessions_b2b,
    sum(buy_box * coalesce(page_views, sessions)) AS box_sum,
    sum(CASE WHEN buy_box IS NOT NULL THEN coalesce(page_views, sessions) END) AS box_weight, sum(items_sales) AS items_sales, sum(items_whole) AS items_whole, sum(items_sessions) AS items_sessions, sum(b2b_of_sales) AS b2b_of_sales, sum(b2b_of_units) AS b2b_of_units,
    CASE WHEN (SELECT last > 0 FROM span) THEN
        coalesce(sum(CASE WHEN period = (SELECT last - 1 FROM span) THEN sales END), 0) END AS sales_before,
    coalesce(sum(CASE WHEN period = (SELECT last FROM span) THEN sales END), 0) AS sales_last
    FROM entry GROUP BY parent;

-- By sales: places and running sums. whole: the sales of all periods, which share and class are about; base: those of all in the
-- ranking, so that the shares of SKUs are of the sales that SKUs are told for.
CREATE TABLE asin_rank AS SELECT row_number() OVER w AS rank, sum(sales) OVER (w ROWS UNBOUNDED PRECEDING) AS cumulative, sales AS whole,
    (SELECT sum(sales) FROM asin_all) AS base, * FROM asin_all WINDOW w AS (ORDER BY sales DESC, key);
CREATE TABLE sku_rank AS SELECT row_number() OVER w AS rank, sum(sales) OVER (w ROWS UNBOUNDED PRECEDING) AS cumulative, sales AS whole,
    (SELECT sum(sales) FROM sku_all) AS base, * FROM sku_all WINDOW w AS (ORDER BY sales DESC, key);
CREATE TABLE parent_rank AS SELECT row_number() OVER w AS rank, sum(sales) OVER (w ROWS UNBOUNDED PRECEDING) AS cumulative, sales AS whole,
    (SELECT sum(sales) FROM parent_all) AS base, * FROM parent_all WINDOW w AS (ORDER BY sales DESC, key);

-- The last period's products by traffic and conversion. quadrant: 0 much of both, 1 traffic only, 2 conversion only, 3 neither;
-- NULL without a session. missed: units that the period's conversion would have brought more.
CREATE TABLE latest AS SELECT a.rank AS rank, a.cumulative AS cumulative, p.child AS key, p.parent AS parent, p.child AS asin,
    p.title AS title, 1 AS children, p.sales AS sales, p.units AS units, p.items AS items, p.sessions AS sessions,
    p.page_views AS page_views, p.sales_b2b AS sales_b2b, p.units_b2b AS units_b2b, p.items_b2b AS items_b2b,
    p.sessions_b2b AS sessions_b2b, p.box_sum AS box_sum, p.box_weight AS box_weight,
    p.items_sales AS items_sales, p.items_whole AS items_whole, p.items_sessions AS items_sessions, p.b2b_of_sales AS b2b_of_sales, p.b2b_of_units AS b2b_of_units,
    a.base AS base, a.sales_before AS sales_before,
    a.sales_last AS sales_last, a.whole AS whole,
    CASE WHEN p.sessions > 0 THEN 2 * (p.sessions < m.high) + (p.units * s.sessions < s.units * p.sessions) END AS quadrant,
    CASE WHEN p.sessions > 0 THEN max(0, (s.units * p.sessions) / s.sessions - p.units) END AS missed
    FROM asin_period AS p JOIN asin_rank AS a ON a.key = p.child,
    (SELECT sum(sessions) AS sessions, sum(units) AS units FROM asin_period WHERE period = (SELECT last FROM span)) AS s,
    (SELECT (SELECT sessions FROM asin_period WHERE period = (SELECT last FROM span) AND sessions > 0 ORDER BY sessions LIMIT 1
        OFFSET (SELECT count(*) / 2 FROM asin_period WHERE period = (SELECT last FROM span) AND sessions > 0)) AS high) AS m
    WHERE p.period = (SELECT last FROM span);
