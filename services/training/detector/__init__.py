"""Finds the cells of a tile: erythrocytes, leukocytes and platelets."""
