"""Tables of connections, of which no row follows another in time."""
