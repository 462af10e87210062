"""The built-in kinds of jobs, one module each."""
