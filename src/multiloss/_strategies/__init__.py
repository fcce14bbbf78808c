"""How a loss is run: by one term, on whole arrays or in blocks. No array library is named here."""
