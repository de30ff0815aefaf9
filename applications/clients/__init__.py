"""Programs that sign in: organisations (banks, departments), their clients, secrets and tokens, and each call.

OAuth 2.0 client credentials by django-oauth-toolkit. What an application's API for programs stands on is
``views.ClientView``; what it is made of: ``oauth`` (secrets, scopes), ``certificates`` (RFC 8705).
"""
