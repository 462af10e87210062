"""The list of conversations at the side: its model, how a row is drawn, the view with its keys and menus."""
