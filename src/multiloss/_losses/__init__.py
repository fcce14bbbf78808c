"""The public losses, by the kind of their formula."""
