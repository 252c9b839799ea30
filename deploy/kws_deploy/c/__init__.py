"""A model as C99 for microcontrollers: front end, network and detector without allocation."""
