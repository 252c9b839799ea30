"""The command line of the device: one module per verb."""
