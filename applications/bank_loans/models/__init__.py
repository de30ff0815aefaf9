"""Tables of this application, one module a subject."""

from applications.bank_loans.models.authorisations import Authorisation
from applications.bank_loans.models.feedback import FeedbackBatch, LoanEvent
from applications.bank_loans.models.lists import Change, Reason, Standing
from applications.bank_loans.models.products import LoanProduct
from applications.bank_loans.models.webhooks import Delivery, Endpoint

__all__ = [
    "Authorisation",
    "Change",
    "Delivery",
    "Endpoint",
    "FeedbackBatch",
    "LoanEvent",
    "LoanProduct",
    "Reason",
    "Standing",
]
