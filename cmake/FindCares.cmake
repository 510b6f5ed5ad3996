# Finds c-ares (Debian: libc-ares-dev), whose Debian 12 package ships no CMake package of its own.
# Defines the target Cares::Cares and the variable Cares_VERSION.
find_path(Cares_INCLUDE_DIR ares.h)
find_library(Cares_LIBRARY cares)
if(Cares_INCLUDE_DIR)
  file(STRINGS ${Cares_INCLUDE_DIR}/ares_version.h line REGEX "^#define ARES_VERSION_STR ")
  string(REGEX REPLACE ".*\"([0-9.]+).*" "\\1" Cares_VERSION "${line}")
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Cares
  REQUIRED_VARS Cares_LIBRARY Cares_INCLUDE_DIR VERSION_VAR Cares_VERSION)

if(Cares_FOUND AND NOT TARGET Cares::Cares)
  add_library(Cares::Cares UNKNOWN IMPORTED)
  set_target_properties(Cares::Cares PROPERTIES
    IMPORTED_LOCATION ${Cares_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${Cares_INCLUDE_DIR})
endif()
mark_as_advanced(Cares_INCLUDE_DIR Cares_LIBRARY)
