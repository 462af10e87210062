"""Settings as widgets: one row a setting, and cards for what is no setting. The page is in `pages/settings.py`."""
