-- Lines of orders that several exports hold. The n-th line of an order and item in one export is the n-th in another; the one that was
-- updated last stays, of equals the one in the later export.
CREATE TABLE shared AS SELECT order_id FROM line GROUP BY order_id HAVING min(section) <> max(section);
CREATE UNIQUE INDEX shared_key ON shared(order_id);
DELETE FROM line WHERE id IN (SELECT id FROM (
    SELECT id, row_number() OVER (PARTITION BY order_id, item, nth ORDER BY updated DESC, section DESC) AS place FROM (
        SELECT line.id AS id, line.order_id AS order_id, item, section, updated,
            row_number() OVER (PARTITION BY line.order_id, item, section ORDER BY line.id) AS nth
        FROM line JOIN shared ON shared.order_id = line.order_id))
    WHERE place > 1);
DROP TABLE shared;
