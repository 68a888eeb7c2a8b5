"""Rules as data: effect, condition, text, source and examples in YAML, conditions in CEL over the fact model."""
