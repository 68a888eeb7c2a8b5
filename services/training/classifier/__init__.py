"""Classifiers of single cells: leukocytes and erythrocytes, one network in two depths."""
