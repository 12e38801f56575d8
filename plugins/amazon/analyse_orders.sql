CREATE TABLE sold_asin AS SELECT CASE WHEN asin <> '' THEN asin ELSE sku END AS key, asin, max(title) AS title,
    sum(CASE WHEN state = 0 THEN revenue ELSE 0 END) AS sales, sum(CASE WHEN state = 0 THEN units ELSE 0 END) AS units,
    sum(CASE WHEN state = 0 THEN lines ELSE 0 END) AS lines, sum(CASE WHEN state = 1 THEN lines ELSE 0 END) AS cancelled
    FROM item_sum JOIN sold_item ON sold_item.id = item_sum.item GROUP BY 1;
CREATE TABLE sold_sku AS SELECT sku AS key, min(asin) AS asin, max(title) AS title,
    sum(CASE WHEN state = 0 THEN revenue ELSE 0 END) AS sales, sum(CASE WHEN state = 0 THEN units ELSE 0 END) AS units,
    sum(CASE WHEN state = 0 THEN lines ELSE 0 END) AS lines, sum(CASE WHEN state = 1 THEN lines ELSE 0 END) AS cancelled
    FROM item_sum JOIN sold_item ON sold_item.id = item_sum.item WHERE sku <> '' GROUP BY sku;
CREATE TABLE sold_asin_rank AS SELECT row_number() OVER w AS rank, sum(sales) OVER (w ROWS UNBOUNDED PRECEDING) AS cumulative, *
    FROM sold_asin WINDOW w AS (ORDER BY sales DESC, key);
CREATE TABLE sold_sku_rank AS SELECT row_number() OVER w AS rank, sum(sales) OVER (w ROWS UNBOUNDED PRECEDING) AS cumulative, *
    FROM sold_sku WINDOW w AS (ORDER BY sales DESC, key);

-- Days with a sold line.
CREATE TABLE daily(day INTEGER PRIMARY KEY, revenue INTEGER NOT NULL, units INTEGER NOT NULL, orders INTEGER NOT NULL);
INSERT INTO daily SELECT day, revenue, units, 0 FROM day_sum WHERE sold > 0;
INSERT INTO daily SELECT day, 0, 0, 1 FROM ord WHERE sold ON CONFLICT(day) DO UPDATE SET orders = orders + 1;
