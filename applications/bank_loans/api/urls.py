"""Addresses under ``/api/v1/bank/``."""

from django.urls import path

from applications.bank_loans.api import feedback, views

app_name = "bank_loans_api"
urlpatterns = [
    path("products/", views.Products.as_view(), name="products"),
    path("products/<slug:product>/", views.OneProduct.as_view(), name="product"),
    path("products/<slug:product>/pharmacies/", views.Pharmacies.as_view(), name="pharmacies"),
    path("products/<slug:product>/pharmacies/stream/", views.Stream.as_view(), name="stream"),
    path("products/<slug:product>/changes/", views.Changes.as_view(), name="changes"),
    path("products/<slug:product>/check/", views.Check.as_view(), name="check"),
    path("products/<slug:product>/feedback/", feedback.Feedback.as_view(), name="feedback"),
]
