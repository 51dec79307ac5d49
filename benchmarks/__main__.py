"""All benchmarks, one after the other: `make bench`. Exit 0 only if every one of them ran and met its target."""

import sys

from benchmarks import bench_bccd, bench_shapes, bench_threads

if __name__ == "__main__":
    sys.exit(max([bench.main([]) for bench in (bench_threads, bench_bccd, bench_shapes)]))
