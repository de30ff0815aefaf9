"""What officials see and do: products, lists, authorisations, reports and messages of banks. Importing registers it."""

from applications.bank_loans.admin import authorisations, feedback, products, standings, webhooks

__all__ = ["authorisations", "feedback", "products", "standings", "webhooks"]
