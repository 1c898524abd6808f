"""An invented billing database: the PWACIS tables from a seed, with everything that makes real ones hard."""
