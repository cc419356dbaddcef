"""All areas: one file of proto/vectors each."""

from __future__ import annotations

from conformance.make import area_envelope, area_keys

AREAS = [area_keys.AREA, area_envelope.AREA]
