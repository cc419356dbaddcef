"""Who is calling, and on whose behalf: the ports (`port`) and their adapters.

Certificates (`mtls`), tokens that come with a call (`token_callers`) or show a principal (`principal_tokens`), the keys
of their issuers (`remote_keys`, `workload_api`), the callers that are listed (`static`); a CA for development
(`dev_ca`).
"""
