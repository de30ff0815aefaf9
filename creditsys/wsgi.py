"""The WSGI entry point: ``gunicorn creditsys.wsgi``."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "creditsys.settings")
application = get_wsgi_application()
