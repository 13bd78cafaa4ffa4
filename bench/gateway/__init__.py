"""What enforcing decisions costs."""
