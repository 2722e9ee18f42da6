"""Orders of a shop, from CSV files to totals per country and month in an SQLite database.

What is wrong with the data is data, too: a row that is rejected and a file that cannot be read go into tables
of their own ("dead letters"), with the reason, and do not stop the others.
"""

import csv
import datetime
import io
import sqlite3
from pathlib import Path
from zlib import crc32

from sluice import Pipe, Stream

COLUMNS = ["order", "day", "country", "quantity", "cents"]
COUNTRIES = {"AT", "BR", "DE", "FR", "IN", "JP", "KE", "US"}


class NotOrders(Exception):
    pass


def extract(file: Pipe, batch: int = 1000):
    """Lists of rows; the first leaves while the rest of the file is still on its way."""
    rows = csv.reader(io.TextIOWrapper(file, encoding="utf-8", errors="replace", newline=""))
    header = next(rows, [])
    if header != COLUMNS:
        raise NotOrders(f"the first line is {','.join(header)[:80]!r}, not {','.join(COLUMNS)!r}")
    waiting = []
    for row in rows:
        waiting.append([rows.line_num, *row])
        if len(waiting) == batch:
            yield waiting
            waiting = []
    if waiting:
        yield waiting


def reason_to_reject(row) -> str:
    if len(row) != len(COLUMNS):
        return f"{len(row)} columns"
    _, day, country, quantity, cents = row
    try:
        datetime.date.fromisoformat(day)
    except ValueError:
        return f"no day: {day!r}"
    if country not in COUNTRIES:
        return f"no country that we know: {country!r}"
    if not quantity.isdecimal() or int(quantity) == 0:
        return f"no quantity: {quantity!r}"
    if not cents.isdecimal():
        return f"no price: {cents!r}"
    return ""


def validate(batch) -> dict:
    rows, rejected = [], []
    for line, *row in batch:
        if why := reason_to_reject(row):
            rejected.append({"line": line, "row": row, "why": why})
        else:
            order, day, country, quantity, cents = row
            rows.append([order, day[:7], country, int(quantity) * int(cents)])
    return {"rows": rows, "rejected": rejected or None}


def deal(rows, groups: int):
    """One part for each group. A country is in one group only, so totals need not meet again."""
    parts = [[] for _ in range(groups)]
    for row in rows:
        parts[crc32(row[2].encode()) % groups].append(row)
    yield from parts


def aggregate(parts) -> dict:
    """Orders and revenue per country and month. An order that was exported twice counts once."""
    seen, repeated, totals = set(), 0, {}
    for order, month, country, cents in (row for part in parts for row in part):
        if order in seen:
            repeated += 1
            continue
        seen.add(order)
        count, revenue = totals.get((country, month), (0, 0))
        totals[country, month] = (count + 1, revenue + cents)
    return {"totals": [[*key, *sums] for key, sums in sorted(totals.items())], "repeated": repeated}


def load(totals: Stream[list], rejected, unread) -> dict:
    """Writes as the groups come. The database is a file of the run; a reload is another run."""
    path = Path("orders.sqlite")
    database = sqlite3.connect(path)
    with database:
        database.execute("create table totals (country text, month text, orders int, cents int, primary key (country, month))")
        database.execute("create table rejected (line int, row text, why text)")
        database.execute("create table unread (file int, why text)")
        for group in totals:
            database.executemany("insert into totals values (?, ?, ?, ?)", group)
        bad = [(one["line"], ",".join(one["row"]), one["why"]) for batch in rejected for one in batch]
        database.executemany("insert into rejected values (?, ?, ?)", bad)
        database.executemany("insert into unread values (:file, :why)", unread)
    orders, cents = database.execute("select coalesce(sum(orders), 0), coalesce(sum(cents), 0) from totals").fetchone()
    database.close()
    return {"database": path, "summary": {"orders": orders, "cents": cents, "rejected": len(bad), "unread": len(unread)}}
