"""Tables of the detail coder, learnt from recordings."""
