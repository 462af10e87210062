"""The one background process that owns engines and jobs, and how the others find it."""
