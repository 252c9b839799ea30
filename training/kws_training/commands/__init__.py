"""Commands: labelled recordings in, a streaming model of several keywords out."""
