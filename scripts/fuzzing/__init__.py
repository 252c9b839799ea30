"""What `scripts/fuzz.py` runs: one module per kind of reader, and the campaign around them."""
