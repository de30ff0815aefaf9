"""Pages about organisations, their clients and secrets, and the record of calls. Importing registers them."""

from django.contrib import admin
from oauth2_provider.models import (
    get_access_token_model,
    get_application_model,
    get_grant_model,
    get_id_token_model,
    get_refresh_token_model,
)

# The toolkit's own pages: here clients are what services.py makes of them, and tokens are nobody's to look at.
for model in (
    get_application_model(),
    get_access_token_model(),
    get_grant_model(),
    get_id_token_model(),
    get_refresh_token_model(),
):
    admin.site.unregister(model)

from applications.clients.admin import calls, clients, organisations  # noqa: E402 -- after that
from applications.clients.roles import MEANINGS  # noqa: E402
from applications.roles import BANKING  # noqa: E402
from ratings.admin.permissions import offer, ship  # noqa: E402

offer("clients", MEANINGS)
ship(BANKING)

__all__ = ["calls", "clients", "organisations"]
