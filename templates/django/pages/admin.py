from django.contrib import admin

from pages.models import Visit

admin.site.register(Visit)
