"""Moving a legacy database over: what is found, what is mended, and the proof that all is there."""
