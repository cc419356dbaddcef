"""The composition root: the only room that picks adapters and puts the service together."""

from delegation.app.application import Application, build
from delegation.app.development import issue_development_profile
from delegation.app.key_files import create_root_key, create_service_keys
from delegation.app.next_bundle import give_up_key, rotate_key, sign_bundle_file
from delegation.app.process import serve

__all__ = [
    "Application",
    "build",
    "create_root_key",
    "create_service_keys",
    "give_up_key",
    "issue_development_profile",
    "rotate_key",
    "serve",
    "sign_bundle_file",
]
