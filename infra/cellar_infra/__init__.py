"""Checks of the templates, and the command that deploys them."""
