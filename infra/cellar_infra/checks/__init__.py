"""What can be wrong in a template should be found before it is deployed."""
