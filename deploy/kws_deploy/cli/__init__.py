"""The command line of the deploy side: one module per verb."""
