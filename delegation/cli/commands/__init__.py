"""One command a file. What is heavy is imported when the command runs."""
