"""Use cases, one a file: ports in, core values out. No gRPC, no messages, no SQL.

Each is a class that is given its ports once and is then called once a request, with the
authenticated caller first.
"""
