# SPDX-License-Identifier: BSD-2-Clause
"""A site of Django, to be served by gunicorn: web_django:application."""
import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path

settings.configure(DEBUG=False, SECRET_KEY="of a test", ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__)
django.setup()
served = 0


def price(number):
    return 7 * number


def page(request):
    global served
    served += 1  # page
    total = price(served)
    return HttpResponse("%d\n" % total)


urlpatterns = [path("", page)]
application = get_wsgi_application()
