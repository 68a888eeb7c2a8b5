"""Reports as HL7: which code each figure has, and how an ORU^R01 is written and checked."""
