"""Orders of the LIS: read, kept with the patient they are for, and told to the other services without the patient."""
