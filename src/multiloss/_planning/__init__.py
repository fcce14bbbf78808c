"""What a call needs: everything that types, dtypes, shapes, devices and options decide."""
