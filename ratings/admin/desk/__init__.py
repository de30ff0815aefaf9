"""The regulator's desk: review, adjust, announce, hear objections, publish.

Pages over the desk's services. What people do to a row is an act (``acts.py``): a button, a page
that asks, a service. Importing the modules registers them.
"""

from ratings.admin.desk import adjustments, evidence, ledger, links, objections, periods, repairs, review

__all__ = [
    "adjustments",
    "evidence",
    "ledger",
    "links",
    "objections",
    "periods",
    "repairs",
    "review",
]
