"""Questions over the user's own databases and tables: opened read-only in a process of their own, never written."""
