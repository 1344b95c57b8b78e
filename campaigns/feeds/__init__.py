"""Product feeds: bytes in, checked product rows out. Pure: no Django, no files, no network."""
