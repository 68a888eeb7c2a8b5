"""From cells to a decision: counts, intervals, grades, rules, and what is released or held."""
