"""Signed, attenuated delegation: the trust kernel and the service built on it.

Nothing is imported here, so that a tool which only verifies does not load the service.
"""
