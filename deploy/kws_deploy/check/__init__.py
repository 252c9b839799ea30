"""The release gate: what a model must keep on its way to the device."""
