"""Tables of this application, one module a subject."""

from applications.enterprise_credit.models.checks import BatchCheck, CheckLine
from applications.enterprise_credit.models.documents import RuleDocument
from applications.enterprise_credit.models.looks import Look
from applications.enterprise_credit.models.measures import MeasureCase
from applications.enterprise_credit.models.people import Membership
from applications.enterprise_credit.models.records import CreditRecord, RecordBatch
from applications.enterprise_credit.models.subjects import Assessment, CreditSubject, Standing

__all__ = [
    "Assessment",
    "BatchCheck",
    "CheckLine",
    "CreditRecord",
    "CreditSubject",
    "Look",
    "MeasureCase",
    "Membership",
    "RecordBatch",
    "RuleDocument",
    "Standing",
]
