-- Orders that several exports hold. An item of an order is its SKU, or its ASIN where there is no SKU: exports with and without a column of
-- ASINs must agree. Its lines are those of the export in which one of them was updated last, of equals of the later export: there may be
-- fewer than in an older one, for two lines that Amazon made one.
CREATE TABLE shared AS SELECT order_id FROM line GROUP BY order_id HAVING min(section) <> max(section);
CREATE UNIQUE INDEX shared_key ON shared(order_id);
CREATE TABLE twin AS SELECT id, min(id) OVER (PARTITION BY sku = '', CASE WHEN sku = '' THEN asin ELSE sku END) AS same FROM item;
CREATE UNIQUE INDEX twin_key ON twin(id, same);
DELETE FROM line WHERE id IN (SELECT id FROM (
    SELECT line.id AS id, section,
        first_value(section) OVER (PARTITION BY line.order_id, same ORDER BY updated DESC, section DESC) AS newest
    FROM line JOIN shared ON shared.order_id = line.order_id JOIN twin ON twin.id = line.item)
    WHERE section <> newest);
DROP TABLE twin;
DROP TABLE shared;
