"""Minimal Lower Layer Protocol: 0x0B message 0x1C 0x0D over TCP (HL7 v2.5.1 implementation guide, appendix C)."""
