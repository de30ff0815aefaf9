from django.apps import AppConfig


class ApplicationsConfig(AppConfig):
    name = "applications"
    verbose_name = "应用"

    def ready(self) -> None:
        from applications import checks  # noqa: F401 -- registers itself; it needs the models
