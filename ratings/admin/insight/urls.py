"""Addresses of the pages of figures, below the admin's."""

from django.urls import path

from ratings.admin.insight import grades, quarterly, validation

app_name = "insight"
urlpatterns = [
    path("grades/", grades.grades_view, name="grades"),
    path("movers/", grades.movers_view, name="movers"),
    path("map/", grades.map_view, name="map"),
    path("validation/", validation.validation_view, name="validation"),
    path("quarterly/", quarterly.quarterly_view, name="quarterly"),
]
