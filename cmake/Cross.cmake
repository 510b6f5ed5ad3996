# A toolchain for another architecture, by Debian's cross compiler and with that architecture's packages
# beside this one's (crossbuild-essential-ARCH, dpkg --add-architecture; scripts/release.sh):
#
#   cmake … -DCMAKE_TOOLCHAIN_FILE=cmake/Cross.cmake -DINOUT_TRIPLET=aarch64-linux-gnu
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES INOUT_TRIPLET)
string(REGEX MATCH "^[^-]+" CMAKE_SYSTEM_PROCESSOR ${INOUT_TRIPLET})
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_LIBRARY_ARCHITECTURE ${INOUT_TRIPLET})
set(CMAKE_C_COMPILER ${INOUT_TRIPLET}-gcc)
set(CMAKE_CXX_COMPILER ${INOUT_TRIPLET}-g++)
# CMake's FindOpenSSL asks pkg-config, which would tell of this machine's.
set(ENV{PKG_CONFIG_LIBDIR} /usr/lib/${INOUT_TRIPLET}/pkgconfig:/usr/share/pkgconfig)
