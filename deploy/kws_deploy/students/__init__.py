"""Students: small streaming networks made for int8 on small cores."""
