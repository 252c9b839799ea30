"""Servers for other programs: the Wyoming protocol of Home Assistant, and HTTP with WebSockets."""
