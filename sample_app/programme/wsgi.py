"""The callable that every WSGI server of the course imports: `programme.wsgi:application`."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "programme.settings")

application = get_wsgi_application()
