"""A guest server with two I/O modules that can be pulled, and everything that can
happen to it.  The verbs that scenarios use are in verbs.py."""
