"""The command line of the training side: one module per verb."""
