"""The commands ``score`` and ``compare``, which read files."""
