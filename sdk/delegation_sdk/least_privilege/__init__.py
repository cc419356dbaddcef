"""Least privilege, measured: what was granted and never used, and what would have been enough."""
