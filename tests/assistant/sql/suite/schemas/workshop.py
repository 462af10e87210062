"""A manufacturer of furniture, from purchase to payment: fifteen tables."""

from datetime import date, timedelta
from typing import Any

SEED = 10
DDL = """
CREATE TABLE department (
    department_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    cost_center TEXT NOT NULL
);
CREATE TABLE employee (
    employee_id INTEGER PRIMARY KEY,
    department_id INTEGER NOT NULL REFERENCES department (department_id),
    name TEXT NOT NULL,
    hired_on TEXT NOT NULL, -- date
    left_on TEXT, -- date, empty for those who work here
    hourly_wage_eur REAL NOT NULL
);
CREATE TABLE supplier (
    supplier_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    country TEXT NOT NULL,
    certified INTEGER NOT NULL -- 1 for certified forestry
);
CREATE TABLE material (
    material_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    unit TEXT NOT NULL, -- m2, kg, piece or litre
    reorder_level REAL NOT NULL
);
CREATE TABLE purchase (
    purchase_id INTEGER PRIMARY KEY,
    supplier_id INTEGER NOT NULL REFERENCES supplier (supplier_id),
    ordered_on TEXT NOT NULL, -- date
    received_on TEXT -- date, empty while on its way
);
CREATE TABLE purchase_line (
    purchase_id INTEGER NOT NULL REFERENCES purchase (purchase_id),
    material_id INTEGER NOT NULL REFERENCES material (material_id),
    quantity REAL NOT NULL,
    unit_price_eur REAL NOT NULL,
    PRIMARY KEY (purchase_id, material_id)
);
CREATE TABLE warehouse (
    warehouse_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    city TEXT NOT NULL
);
CREATE TABLE stock (
    warehouse_id INTEGER NOT NULL REFERENCES warehouse (warehouse_id),
    material_id INTEGER NOT NULL REFERENCES material (material_id),
    quantity REAL NOT NULL,
    PRIMARY KEY (warehouse_id, material_id)
);
CREATE TABLE product (
    product_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    category TEXT NOT NULL, -- table, chair, shelf or bed
    list_price_eur REAL NOT NULL,
    weight_kg REAL NOT NULL
);
CREATE TABLE customer (
    customer_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    city TEXT NOT NULL,
    kind TEXT NOT NULL, -- shop, office or private
    discount_percent INTEGER -- empty if none was agreed
);
CREATE TABLE sales_order (
    sales_order_id INTEGER PRIMARY KEY,
    customer_id INTEGER NOT NULL REFERENCES customer (customer_id),
    employee_id INTEGER NOT NULL REFERENCES employee (employee_id), -- who sold it
    ordered_on TEXT NOT NULL, -- date
    shipped_on TEXT -- date, empty until then
);
CREATE TABLE sales_line (
    sales_order_id INTEGER NOT NULL REFERENCES sales_order (sales_order_id),
    product_id INTEGER NOT NULL REFERENCES product (product_id),
    quantity INTEGER NOT NULL,
    unit_price_eur REAL NOT NULL,
    PRIMARY KEY (sales_order_id, product_id)
);
CREATE TABLE invoice (
    invoice_id INTEGER PRIMARY KEY,
    sales_order_id INTEGER NOT NULL REFERENCES sales_order (sales_order_id),
    issued_on TEXT NOT NULL, -- date
    due_on TEXT NOT NULL, -- date
    total_eur REAL NOT NULL
);
CREATE TABLE payment (
    payment_id INTEGER PRIMARY KEY,
    invoice_id INTEGER NOT NULL REFERENCES invoice (invoice_id),
    paid_on TEXT NOT NULL, -- date
    amount_eur REAL NOT NULL,
    method TEXT NOT NULL -- transfer, card or cash
);
CREATE TABLE machine (
    machine_id INTEGER PRIMARY KEY,
    department_id INTEGER NOT NULL REFERENCES department (department_id),
    name TEXT NOT NULL,
    bought_on TEXT NOT NULL, -- date
    price_eur REAL NOT NULL,
    last_service_on TEXT -- date, empty if never
);
"""

_DEPARTMENTS = [
    ("Carpentry", "C100"),
    ("Upholstery", "C200"),
    ("Paint Shop", "C300"),
    ("Sales", "S100"),
    ("Logistics", "L100"),
]
_SUPPLIERS = [
    ("Nordholz", "Sweden", 1), ("Timber Graz", "Austria", 1), ("Lacke Maier", "Germany", 0),
    ("Fabrica Sole", "Italy", 0),
    ("Steel & Screw", "Germany", 0), ("Baltic Boards", "Latvia", 1), ("Glaswerk", "Poland", 0),
]  # fmt: skip
_MATERIALS = [
    ("oak board", "m2", 80.0), ("beech board", "m2", 120.0), ("pine board", "m2", 150.0),
    ("clear varnish", "litre", 60.0),
    ("white paint", "litre", 40.0), ("linen cloth", "m2", 90.0), ("foam", "kg", 75.0), ("screw set", "piece", 500.0),
    ("hinge", "piece", 300.0), ("glass pane", "piece", 45.0), ("wood glue", "litre", 30.0),
]  # fmt: skip
_PRODUCTS = [
    ("Oslo Table", "table", 640.0, 38.5), ("Bistro Table", "table", 289.0, 17.2), ("Desk One", "table", 455.0, 31.0),
    ("Lena Chair", "chair", 149.0, 6.4), ("Arm Chair Sol", "chair", 398.0, 14.8), ("Stool", "chair", 69.0, 3.1),
    ("Tower Shelf", "shelf", 210.0, 24.6), ("Wall Shelf", "shelf", 85.0, 7.9), ("Glass Cabinet", "shelf", 520.0, 41.3),
    ("Pine Bed", "bed", 480.0, 46.0), ("Box Bed", "bed", 890.0, 72.4), ("Day Bed", "bed", 610.0, 51.7),
]  # fmt: skip
_CITIES = ("Bremen", "Kassel", "Erfurt", "Graz", "Basel", "Leuven")
_MACHINES = (
    "Band Saw",
    "Planer",
    "CNC Router",
    "Spray Booth",
    "Sewing Bench",
    "Edge Bander",
    "Forklift",
    "Dryer",
    "Drill Press",
)


def rows(dice: Any) -> dict[str, list[tuple[Any, ...]]]:
    names = dice.people(110)
    employees = []
    for i in range(1, 41):
        hired = dice.day("2006-01-01", "2024-06-30")
        left = dice.day("2024-07-01", "2025-04-30") if dice.chance(15) and i > 8 else None
        employees.append((i, 4 if i <= 8 else 1 + i % 5, names[i - 1], hired, left, dice.money(15, 38)))
    purchases: list[tuple[Any, ...]] = []
    purchase_lines: list[tuple[Any, ...]] = []
    for i in range(1, 141):
        ordered = date.fromisoformat(dice.day("2023-01-02", "2025-05-20"))
        received = (
            None if ordered > date(2025, 3, 1) and dice.chance(50) else ordered + timedelta(days=dice.between(3, 45))
        )
        purchases.append(
            (i, 1 + min(dice.below(7), dice.below(8)), ordered.isoformat(), received and received.isoformat())
        )
        for material in sorted({dice.between(1, 10) for _ in range(dice.between(1, 4))}):
            purchase_lines.append((i, material, float(dice.between(10, 400)), dice.money(1, 60)))
    stock = [
        (w, m, float(dice.between(0, 420))) for w in range(1, 4) for m in range(1, 12) if dice.chance(75) and m != 11
    ]
    customers = [
        (i, names[45 + i], dice.pick(_CITIES), dice.weighted([("private", 5), ("shop", 3), ("office", 2)]),
         dice.pick([3, 5, 8, 12]) if dice.chance(35) else None)
        for i in range(1, 61)
    ]  # fmt: skip
    orders: list[tuple[Any, ...]] = []
    lines: list[tuple[Any, ...]] = []
    invoices: list[tuple[Any, ...]] = []
    payments: list[tuple[Any, ...]] = []
    for i in range(1, 321):
        ordered = date.fromisoformat(dice.day("2023-01-02", "2025-05-25"))
        shipped = (
            ordered + timedelta(days=dice.between(2, 60)) if ordered < date(2025, 3, 15) or dice.chance(40) else None
        )
        orders.append(
            (
                i,
                1 + min(dice.below(55), dice.below(55)),
                dice.between(1, 7),
                ordered.isoformat(),
                shipped and shipped.isoformat(),
            )
        )
        total = 0.0
        for product in sorted({dice.between(1, 12) for _ in range(dice.between(1, 4))} - ({6} if i % 2 else set())):
            price = round(_PRODUCTS[product - 1][2] * dice.between(85, 100) / 100, 2)
            n = dice.between(1, 9)
            lines.append((i, product, n, price))
            total += n * price
        if shipped is None:
            continue
        issued = shipped + timedelta(days=dice.between(0, 5))
        invoices.append(
            (len(invoices) + 1, i, issued.isoformat(), (issued + timedelta(days=30)).isoformat(), round(total, 2))
        )
        if dice.chance(85):
            parts = [total] if dice.chance(80) else [total * 0.4, total * 0.6]
            for part in parts:
                paid = issued + timedelta(days=dice.between(1, 55))
                method = dice.weighted([("transfer", 6), ("card", 3), ("cash", 1)])
                payments.append((len(payments) + 1, len(invoices), paid.isoformat(), round(part, 2), method))
    machines = []
    for i, name in enumerate(_MACHINES, 1):
        bought = dice.day("2005-01-01", "2022-12-31")
        served = None if dice.chance(20) else dice.day("2023-01-01", "2025-05-01")
        machines.append((i, 5 if name == "Forklift" else 1 + i % 3, name, bought, dice.money(900, 84000), served))
    return {
        "department": [(i, *one) for i, one in enumerate(_DEPARTMENTS, 1)],
        "employee": employees,
        "supplier": [(i, *one) for i, one in enumerate(_SUPPLIERS, 1)],
        "material": [(i, *one) for i, one in enumerate(_MATERIALS, 1)],
        "purchase": purchases,
        "purchase_line": purchase_lines,
        "warehouse": [(1, "Main Hall", "Kassel"), (2, "Yard", "Kassel"), (3, "South Depot", "Graz")],
        "stock": stock,
        "product": [(i, *one) for i, one in enumerate(_PRODUCTS, 1)],
        "customer": customers,
        "sales_order": orders,
        "sales_line": lines,
        "invoice": invoices,
        "payment": payments,
        "machine": machines,
    }
