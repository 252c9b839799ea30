"""The studio: pages in the browser from the first recording to the model on the device.

It does nothing that a command does not do: each step shows the command that it runs.
"""
