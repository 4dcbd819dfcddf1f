"""Who else may act for people: the clients that were made here, and what they are handed."""
