"""Addresses of the pages of figures, below the admin's."""

from django.urls import path

from ratings.admin.insight import discretion, grades, growth, handling, lab, quarterly, reasons, validation

app_name = "insight"
urlpatterns = [
    path("grades/", grades.grades_view, name="grades"),
    path("movers/", grades.movers_view, name="movers"),
    path("map/", grades.map_view, name="map"),
    path("validation/", validation.validation_view, name="validation"),
    path("quarterly/", quarterly.quarterly_view, name="quarterly"),
    path("quarterly/issue/", quarterly.issue_view, name="quarterly_issue"),
    path("reasons/", reasons.reasons_view, name="reasons"),
    path("work/", handling.work_view, name="work"),
    path("growth/", growth.growth_view, name="growth"),
    path("discretion/", discretion.discretion_view, name="discretion"),
    path("lab/", lab.lab_view, name="lab"),
    path("lab/check/", lab.check_view, name="lab_check"),
    path("supervision/", handling.supervision_view, name="supervision"),
]
