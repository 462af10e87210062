"""The chat page of the window: head, messages, composer and the panels around them, over `desk.ChatDesk`."""
