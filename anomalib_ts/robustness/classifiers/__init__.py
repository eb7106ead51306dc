"""Image classifiers under attack, and how sparse their layers are: the paper's own experiment."""
