"""What officials see and do: products, lists, authorisations, reports and messages of banks. Importing registers it."""

from applications.bank_loans.admin import authorisations, feedback, home, products, standings, webhooks
from applications.bank_loans.roles import MEANINGS
from ratings.admin.permissions import offer

offer("bank_loans", MEANINGS)

__all__ = ["authorisations", "feedback", "home", "products", "standings", "webhooks"]
