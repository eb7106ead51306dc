"""Deep SVDD: normal data is drawn together around a point, and distance from it is the score."""
