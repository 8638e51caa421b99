"""Add-ons: the role that asks their providers, and the port by which it does."""
