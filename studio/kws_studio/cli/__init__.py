"""The verb `kws studio`."""
