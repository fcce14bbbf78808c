"""What a loss consists of, and what a call is planned and run with."""
