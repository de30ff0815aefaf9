"""Addresses under ``/api/v1/pharmacies/``."""

from django.urls import path

from applications.pharmacy_lookup.api import views

app_name = "pharmacy_lookup_api"
urlpatterns = [
    path("", views.Pharmacies.as_view(), name="list"),
    path("<str:code>/", views.OnePharmacy.as_view(), name="detail"),
    path("<str:code>/history/", views.History.as_view(), name="history"),
]
