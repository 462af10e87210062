"""The server as widgets: where it is reached, how it is begun, figures and requests. The page: `pages/server.py`."""
