"""Each role put together: what it is made of, how it starts, in which order it stops. Nothing is decided here."""
