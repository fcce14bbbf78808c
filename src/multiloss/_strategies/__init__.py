"""How a loss is run: on whole arrays or in blocks. No array library is named here."""
