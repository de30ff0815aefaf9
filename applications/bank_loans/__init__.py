"""Banks: which pharmacies are eligible for a loan product, what changed, and what became of the loans.

``eligibility`` derives the list of each product from the published ledger and writes what changed;
``reading`` is how everything outward reads it; ``api/`` the feed of banks, ``webhooks/`` what is told to them
unasked, ``feedback`` what they report; ``admin/`` for officials.
"""
