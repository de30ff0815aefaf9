"""Jobs of every night."""

from celery import shared_task
from django.utils import timezone
from oauth2_provider.models import AccessToken


@shared_task(name="clients.clear_tokens")
def clear_tokens() -> int:
    """Delete tokens that have expired; how many. The record of what they were used for stays."""
    expired = AccessToken.objects.filter(expires__lte=timezone.now())
    return int(expired.delete()[1].get(AccessToken._meta.label, 0))
