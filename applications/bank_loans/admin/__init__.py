"""What officials see and do: products, lists, authorisations, reports of banks. Importing registers the pages."""

from applications.bank_loans.admin import authorisations, feedback, products, standings, webhooks

__all__ = ["authorisations", "feedback", "products", "standings", "webhooks"]
