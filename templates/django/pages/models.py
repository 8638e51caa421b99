from django.db import models


class Visit(models.Model):
    """Somebody has looked at the page."""

    at = models.DateTimeField(auto_now_add=True)
