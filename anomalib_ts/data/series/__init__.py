"""Series from files and arrays: text tables, NPZ, folders, benchmarks, generators."""
