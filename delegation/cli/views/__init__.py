"""What is seen: text for people, and plain data for programs. Nothing is fetched here."""
