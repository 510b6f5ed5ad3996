# A toolchain for another architecture by Debian's cross compiler (crossbuild-essential-ARCH), with
# libraries that were unpacked into a folder (scripts/package.sh):
#
#   cmake … -DCMAKE_TOOLCHAIN_FILE=cmake/Cross.cmake -DINOUT_TRIPLET=aarch64-linux-gnu -DINOUT_LIBRARIES=…
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES INOUT_TRIPLET INOUT_LIBRARIES)
string(REGEX MATCH "^[^-]+" CMAKE_SYSTEM_PROCESSOR ${INOUT_TRIPLET})
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_LIBRARY_ARCHITECTURE ${INOUT_TRIPLET})
set(CMAKE_C_COMPILER ${INOUT_TRIPLET}-gcc)
set(CMAKE_CXX_COMPILER ${INOUT_TRIPLET}-g++)
set(CMAKE_FIND_ROOT_PATH ${INOUT_LIBRARIES})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
foreach(kind LIBRARY INCLUDE PACKAGE)
  set(CMAKE_FIND_ROOT_PATH_MODE_${kind} ONLY)
endforeach()
