"""Addresses under ``/api/v1/department/``."""

from django.urls import path

from applications.enterprise_credit.api import checks, lookups, records

app_name = "enterprise_credit_api"
urlpatterns = [
    path("checks/", checks.Checks.as_view(), name="checks"),
    path("checks/<int:check>/", checks.OneCheck.as_view(), name="check"),
    path("checks/<int:check>/outcomes/", checks.Outcomes.as_view(), name="outcomes"),
    path("enterprises/", lookups.Enterprises.as_view(), name="enterprises"),
    path("enterprises/<str:uscc>/", lookups.Enterprise.as_view(), name="enterprise"),
    path("enterprises/<str:uscc>/report.pdf", lookups.Report.as_view(), name="report"),
    path("record-types/", records.RecordTypes.as_view(), name="record_types"),
    path("records/<slug:record_type>/", records.Records.as_view(), name="records"),
    path("records/<slug:record_type>/batches/<int:batch>/", records.Batch.as_view(), name="batch"),
]
