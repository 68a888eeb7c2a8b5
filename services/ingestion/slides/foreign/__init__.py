"""Slides in other scanners' formats, read by OpenSlide and libvips in a process of their own.

Those libraries are large, and a damaged file can take down the process that they run in. So each slide has a child
process; what happens to it is an error for that slide alone.
"""
