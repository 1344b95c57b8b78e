"""How well a picture and a text agree, as one number."""
