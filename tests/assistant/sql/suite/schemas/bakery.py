"""A bakery's products and orders: three tables."""

from typing import Any

SEED = 1
DDL = """
CREATE TABLE product (
    product_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    category TEXT NOT NULL, -- bread, pastry, cake or drink
    price_eur REAL NOT NULL,
    organic INTEGER NOT NULL, -- 1 for organic, 0 for not
    discontinued_on TEXT -- date, empty while it is sold
);
CREATE TABLE customer_order (
    order_id INTEGER PRIMARY KEY,
    placed_on TEXT NOT NULL, -- date
    channel TEXT NOT NULL, -- shop, phone or web
    customer_name TEXT, -- empty for walk-in customers
    paid INTEGER NOT NULL -- 1 once it is paid
);
CREATE TABLE order_line (
    order_id INTEGER NOT NULL REFERENCES customer_order (order_id),
    product_id INTEGER NOT NULL REFERENCES product (product_id),
    quantity INTEGER NOT NULL,
    discount_percent INTEGER, -- empty where there was none
    PRIMARY KEY (order_id, product_id)
);
"""

_PRODUCTS = [
    ("Rye Loaf", "bread", 4.2, 1, None), ("Spelt Loaf", "bread", 4.9, 1, None), ("Baguette", "bread", 2.1, 0, None),
    ("Ciabatta", "bread", 2.8, 0, None), ("Poppy Roll", "bread", 0.75, 0, None),
    ("Corn Bread", "bread", 3.6, 0, "2024-03-31"), ("Croissant", "pastry", 1.9, 0, None),
    ("Cinnamon Bun", "pastry", 2.4, 0, None), ("Almond Horn", "pastry", 2.6, 1, None),
    ("Apple Turnover", "pastry", 2.5, 0, None), ("Plum Danish", "pastry", 2.7, 0, "2025-10-15"),
    ("Carrot Cake", "cake", 24.0, 1, None), ("Cheesecake", "cake", 27.5, 0, None),
    ("Black Forest", "cake", 31.0, 0, None),
    ("Lemon Tart", "cake", 18.5, 0, None), ("Nut Crown", "cake", 22.0, 1, "2023-12-31"),
    ("Coffee", "drink", 2.3, 1, None), ("Hot Chocolate", "drink", 3.1, 0, None), ("Apple Juice", "drink", 2.0, 1, None),
    ("Mineral Water", "drink", 1.5, 0, None),
]  # fmt: skip


def rows(dice: Any) -> dict[str, list[tuple[Any, ...]]]:
    products = [(i, *product) for i, product in enumerate(_PRODUCTS, 1)]
    customers = dice.people(30)
    orders, lines = [], []
    for order_id in range(1, 421):
        customer = None if dice.chance(35) else customers[min(dice.below(30), dice.below(30))]
        channel = "shop" if customer is None else dice.weighted([("web", 5), ("phone", 2), ("shop", 3)])
        orders.append((order_id, dice.day("2023-01-02", "2025-06-30"), channel, customer, int(dice.chance(88))))
        taken = sorted({1 + min(dice.below(20), dice.below(26)) for _ in range(dice.between(1, 5))})
        for product_id in taken:
            if product_id == 20 and order_id % 2:
                continue
            discount = dice.pick([5, 10, 20]) if dice.chance(25) else None
            lines.append((order_id, product_id, dice.between(1, 12), discount))
    return {"product": products, "customer_order": orders, "order_line": lines}
