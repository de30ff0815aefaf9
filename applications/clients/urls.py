"""Addresses of what programs sign in with, and of our public keys."""

from django.urls import path

from applications.clients.endpoints import ClientFormView
from applications.clients.keys import KeysView

app_name = "clients"
_token = ClientFormView.as_view(operation="token", method="create_token_response")
_revoke = ClientFormView.as_view(operation="revoke", method="create_revocation_response")
urlpatterns = [
    path("v1/oauth/token", _token, name="token"),
    path("v1/oauth/revoke", _revoke, name="revoke"),
    path("v1/jwks/", KeysView.as_view(), name="jwks"),
]
