CREATE TABLE dataset(id INTEGER PRIMARY KEY, kind TEXT NOT NULL, file TEXT NOT NULL, marketplace TEXT, currency TEXT,
    period_from INTEGER, period_to INTEGER, sha256 TEXT, rows INTEGER NOT NULL, bad_rows INTEGER NOT NULL);

CREATE TABLE traffic(id INTEGER PRIMARY KEY, period INTEGER NOT NULL, line INTEGER NOT NULL,
    parent TEXT NOT NULL, child TEXT NOT NULL, sku TEXT NOT NULL, title TEXT NOT NULL,
    sessions INTEGER NOT NULL, page_views INTEGER, buy_box INTEGER, units INTEGER NOT NULL, sales INTEGER NOT NULL, items INTEGER,
    sessions_b2b INTEGER, units_b2b INTEGER, sales_b2b INTEGER, items_b2b INTEGER);

CREATE TABLE item(id INTEGER PRIMARY KEY, sku TEXT NOT NULL, asin TEXT NOT NULL, title TEXT NOT NULL, UNIQUE(sku, asin));

-- An export of orders: its first and last day.
CREATE TABLE section(id INTEGER PRIMARY KEY, first INTEGER NOT NULL, last INTEGER NOT NULL);

-- order_id: 17 digits as an integer where it has Amazon's form, else text. state: 0 sold, 1 cancelled, 2 pending, 3 without a price
CREATE TABLE line(id INTEGER PRIMARY KEY, section INTEGER NOT NULL, line INTEGER NOT NULL, order_id NOT NULL, item INTEGER NOT NULL,
    day INTEGER NOT NULL, updated INTEGER NOT NULL, state INTEGER NOT NULL, quantity INTEGER NOT NULL, price INTEGER NOT NULL,
    discount INTEGER, business INTEGER, promoted INTEGER, returned INTEGER NOT NULL);
