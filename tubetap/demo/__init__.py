"""A small real tube to look at: an imitation camera whose frames are measured in two branches and merged."""
