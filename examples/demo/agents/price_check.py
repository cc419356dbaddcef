"""What the auditor is good at: comparing an invoice with a contract. Stands for the agent's model."""

from __future__ import annotations

import csv
from decimal import Decimal


def overcharge(invoice: str, contract: str) -> Decimal:
    """Tell how much more was charged than the contract's prices."""
    prices = _prices(contract)
    lines = csv.DictReader(invoice.splitlines())
    return sum(
        (int(line["boxes"]) * (Decimal(line["price"]) - prices[line["item"]]) for line in lines),
        start=Decimal(0),
    )


def _prices(contract: str) -> dict[str, Decimal]:
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in contract.splitlines() if "|" in line]
    return {item: Decimal(price) for item, price in rows[2:]}  # below the heading and its rule
