"""One module per framework, each with its own extra, none importing another."""
