"""Questions with their queries for any database, by rules: from its schema and values alone, each query run."""
