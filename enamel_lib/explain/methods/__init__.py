"""Methods of attribution, one a file, all called through `registry`."""
