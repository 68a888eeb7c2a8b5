"""The hospital around Frottis, for the demonstration, the tests and the benchmarks."""
