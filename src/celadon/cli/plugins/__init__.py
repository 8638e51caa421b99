"""Packages of others that bring commands of their own: found, installed, asked what they have, loaded when called."""
