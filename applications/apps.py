from django.apps import AppConfig
from django.conf import settings


class ApplicationsConfig(AppConfig):
    name = "applications"
    verbose_name = "应用"

    def ready(self) -> None:
        from applications import checks  # noqa: F401 -- registers itself; it needs the models
        from applications.registry import schedule

        settings.CELERY_BEAT_SCHEDULE.update(schedule())
