"""Text to speech: words and phrases that nobody recorded."""
