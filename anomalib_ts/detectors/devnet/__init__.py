"""DevNet: a network that scores directly, in deviations from a reference distribution."""
