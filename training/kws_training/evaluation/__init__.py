"""How good a model is, through the detector that ships."""
