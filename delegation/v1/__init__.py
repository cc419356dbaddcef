"""Generated from `proto/delegation/v1` by `proto/generate.py`; never edited."""
