"""Patients whose films are known cell by cell, read by the whole of Frottis: what a laboratory would see of them.

A film for each patient, composed from cells that no model was trained on, goes through admission, models, reasoning and
the LIS. Then the report is set beside the truth: each figure against its own limits, each flag by its sensitivity and
specificity, by patient and not by cell.
"""
