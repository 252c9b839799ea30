"""The forms that the verb export writes a model in, one module per form."""
