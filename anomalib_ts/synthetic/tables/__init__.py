"""Tables of labelled rows: read, as points, as images, and those of NSL-KDD."""
