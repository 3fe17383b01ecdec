"""The shell: sockets, threads, clocks and models around the pure core."""
