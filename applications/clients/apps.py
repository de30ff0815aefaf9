from django.apps import AppConfig


class ClientsConfig(AppConfig):
    name = "applications.clients"
    verbose_name = "接口客户端"
