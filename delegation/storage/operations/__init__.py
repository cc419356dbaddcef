"""The port's writes, each once for every database.

An operation sees a `Transaction` and no driver. Several run in one transaction, in any order
that the session finds good; `operation` says what each may rely on.
"""
