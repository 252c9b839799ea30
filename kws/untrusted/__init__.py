"""Networks that are trusted in nothing: checked before the interpreter gets them."""
