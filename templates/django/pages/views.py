from django.db import DatabaseError
from django.shortcuts import render

from pages.models import Visit


def home(request):
    try:
        Visit.objects.create()
        visits = Visit.objects.count()
    except DatabaseError:
        # The database is on its way: a release comes with its address, and makes the tables.
        visits = None
    return render(request, "home.html", {"text": "Hello from Django", "visits": visits})
