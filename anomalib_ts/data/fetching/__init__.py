"""Downloads and archives: checked, resumable, bounded."""
