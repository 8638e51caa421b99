"""Celadon: a self-hosted, Heroku-compatible cloud application platform."""

__version__ = "0.1.0"
