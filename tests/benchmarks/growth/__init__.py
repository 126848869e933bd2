"""How what the manager takes grows with the number of instances."""
