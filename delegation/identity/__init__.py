"""Who is calling: the port (`port`) and its adapters (`mtls`, `static`); a CA for development (`dev_ca`)."""
