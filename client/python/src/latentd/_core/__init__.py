"""What both clients do, without I/O: operations are generators that yield actions; a driver carries them out."""
