"""The toolchain: compilers, and the architectures that clearfw compiles for."""
