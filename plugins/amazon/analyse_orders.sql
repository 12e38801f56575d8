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

CREATE TABLE daily AS SELECT day, sum(revenue) AS revenue, sum(units) AS units, sum(orders) AS orders FROM (
    SELECT day, revenue, units, 0 AS orders FROM day_sum UNION ALL SELECT day, 0, 0, 1 FROM ord WHERE sold) GROUP BY day;
