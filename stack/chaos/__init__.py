"""A seeded run of faults against the stack while slides flow through it, and the count of what came of them."""
