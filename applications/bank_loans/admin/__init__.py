"""Pages of officials, one module a subject."""

from applications.bank_loans.admin import webhooks as webhooks
