"""Config files, one folder for each config group."""
