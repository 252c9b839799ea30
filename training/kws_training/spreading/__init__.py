"""Work that falls apart by itself, on all cores of this machine or on a Ray cluster."""
