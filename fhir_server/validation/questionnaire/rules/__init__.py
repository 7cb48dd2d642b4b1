"""What an item asks of an answer: one module per concern, one generator each."""
