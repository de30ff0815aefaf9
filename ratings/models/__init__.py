"""Tables and their constraints, one module a subject."""

from ratings.models.audit import AuditEvent, AuditLink
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
from ratings.models.registry import District, Enterprise, Pharmacy, PharmacyVersion
from ratings.models.runs import Rating, RatingRun
from ratings.models.schemes import SchemeVersion
from ratings.models.staff import StaffScope

__all__ = [
    "FACT_MODELS",
    "AuditEvent",
    "AuditLink",
    "Complaint",
    "District",
    "Enterprise",
    "Fact",
    "FundPayment",
    "ImportBatch",
    "MeasureValue",
    "Pharmacy",
    "PharmacyVersion",
    "Rating",
    "RatingRun",
    "SchemeVersion",
    "ServiceStatus",
    "StaffScope",
    "Violation",
]
