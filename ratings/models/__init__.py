"""Tables and their constraints, one module a subject."""

from ratings.models.adjustments import Adjustment, Rerating
from ratings.models.audit import AuditEvent, AuditLink
from ratings.models.documents import IssuedDocument, Letter, LetterBatch
from ratings.models.evidence import Evidence, NoticeLink
from ratings.models.facts import (
    FACT_MODELS,
    Complaint,
    Fact,
    FundPayment,
    MeasureValue,
    ServiceStatus,
    Violation,
)
from ratings.models.imports import ImportBatch
from ratings.models.ledger import Event, Publication, PublishedGrade
from ratings.models.objections import Objection, ObjectionFact
from ratings.models.periods import BulkConfirmation, PeriodMove, RatingPeriod, ReviewItem
from ratings.models.registry import District, Enterprise, Pharmacy, PharmacyVersion
from ratings.models.repairs import CreditRepair
from ratings.models.runs import Rating, RatingRun
from ratings.models.schemes import SchemeVersion
from ratings.models.staff import StaffScope

__all__ = [
    "FACT_MODELS",
    "Adjustment",
    "AuditEvent",
    "AuditLink",
    "BulkConfirmation",
    "Complaint",
    "CreditRepair",
    "District",
    "Enterprise",
    "Event",
    "Evidence",
    "Fact",
    "FundPayment",
    "ImportBatch",
    "IssuedDocument",
    "Letter",
    "LetterBatch",
    "MeasureValue",
    "NoticeLink",
    "Objection",
    "ObjectionFact",
    "PeriodMove",
    "Pharmacy",
    "PharmacyVersion",
    "Publication",
    "PublishedGrade",
    "Rating",
    "RatingPeriod",
    "RatingRun",
    "Rerating",
    "ReviewItem",
    "SchemeVersion",
    "ServiceStatus",
    "StaffScope",
    "Violation",
]
