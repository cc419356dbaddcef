"""Where the service's own keys live: the port (`port`) and the adapter for sealed files (`sealed_file`)."""
