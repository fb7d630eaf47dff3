"""A shop with Django, in one file. See README.md."""

import os

import crashvault
import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path

if os.environ.get("CRASHVAULT") != "off":
    crashvault.install(project="python-django", release="python-django@1.4.0")

settings.configure(
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="of this example alone",
)
django.setup()


async def user(request: HttpRequest, id: int) -> HttpResponse:
    crashvault.set_tag("user", id)
    return HttpResponse(f"user {id}\n")


def order(request: HttpRequest, id: int) -> HttpResponse:
    crashvault.add_breadcrumb("reading one", category="orders")
    if id == 0:
        raise Http404
    with open(f"orders/{id}.json", encoding="utf-8") as file:
        return HttpResponse(file.read())


async def basket(request: HttpRequest, name: str) -> HttpResponse:
    prices = {"tea": 3}
    return HttpResponse(f"{prices[name]}\n")


urlpatterns = [
    path("users/<int:id>", user),
    path("orders/<int:id>", order),
    path("baskets/<str:name>", basket),
]
application = get_asgi_application()
