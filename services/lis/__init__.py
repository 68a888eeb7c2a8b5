"""The LIS gateway: orders in, reports out, HL7 v2.5.1 over MLLP. Patients are known here and nowhere else."""
