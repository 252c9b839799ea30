"""How far a share or a rate may be from what was counted: exact 95 % intervals."""

from kws.intervals import rate_interval, share_interval

__all__ = ["rate_interval", "share_interval"]
