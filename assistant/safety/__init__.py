"""What keeps hostile text harmless: cleaning for terminals and logs. Knows text only."""
