"""Models on the Hugging Face Hub: fetched, pushed, and described by a card."""
