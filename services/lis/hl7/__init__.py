"""HL7 v2.5.1 as text: read leniently, written strictly."""
