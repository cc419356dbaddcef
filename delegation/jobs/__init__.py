"""What runs on its own, beside the requests."""
