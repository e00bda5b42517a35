# titan-pos for 64-bit ARM (Raspberry Pi), cross compiled on an amd64 Debian 12 whose arm64 libraries
# are installed beside its own (multiarch): ./titan package --arch arm64 makes such a root in build/.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
# Programs that the build runs (protoc) are the build machine's, and CMake finds a library by the
# compiler's architecture; pkg-config has to be told.
set(ENV{PKG_CONFIG_LIBDIR} /usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig)

# Unit tests run by qemu-user on the machine that builds, outside that root.
set(CMAKE_CROSSCOMPILING_EMULATOR ${CMAKE_CURRENT_LIST_DIR}/../build/arm64-root/emulator/run)

set(CPACK_DEBIAN_PACKAGE_ARCHITECTURE arm64)
