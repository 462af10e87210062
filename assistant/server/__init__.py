"""The HTTP server: models of this machine through the interfaces that clients already speak. Loopback, with a token."""
