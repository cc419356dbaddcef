"""Which URLs decision points are asked at: https alone, and nothing in them that must not be seen."""

from __future__ import annotations

from urllib.parse import urlsplit

from delegation.errors import ConfigError


def check_evaluation_url(url: str) -> str:
    """Return the URL if a decision point can be asked there. The words of the refusal hold nothing of it.

    Raises:
        ConfigError: it is none, or names a user, a query or a fragment: a secret has no place in a URL.
    """
    try:
        parts = urlsplit(url)
        usable = parts.scheme == "https" and parts.hostname and parts.port != 0
    except ValueError:
        usable, parts = False, urlsplit("")
    hides = parts.username is not None or "?" in url or "#" in url
    if not usable or hides or not url.isascii() or not url.isprintable() or " " in url:
        raise ConfigError("a decision point has an https:// URL, without user, query and fragment")
    return url
