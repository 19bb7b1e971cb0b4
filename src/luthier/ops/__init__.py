"""Fast equivalents of torch operations; each is equal to the plain one (test) and faster or leaner (bench)."""
