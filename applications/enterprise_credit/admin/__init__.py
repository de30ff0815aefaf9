"""What departments and those who keep the whole see and do here, one module a subject. Importing registers it."""

from applications.enterprise_credit.admin import (
    batches,
    checks,
    documents,
    home,
    looks,
    lookups,
    measures,
    members,
    records,
)
from applications.enterprise_credit.roles import APPROVER, MEANINGS, OFFICER, SUPPLIER
from applications.roles import CREDIT_OFFICE
from ratings.admin.permissions import offer, ship

offer("enterprise_credit", MEANINGS)
ship(OFFICER, SUPPLIER, CREDIT_OFFICE, APPROVER)

__all__ = ["batches", "checks", "documents", "home", "looks", "lookups", "measures", "members", "records"]
