# Finds libnats (Debian: libnats-dev). Its own CMake package names build folders of the package's
# maker in Debian 12. Defines the target Nats::Nats and the variable Nats_VERSION.
find_path(Nats_INCLUDE_DIR nats/nats.h)
find_library(Nats_LIBRARY nats)
if(Nats_INCLUDE_DIR)
  file(STRINGS ${Nats_INCLUDE_DIR}/nats/version.h line REGEX "^#define NATS_VERSION_STRING ")
  string(REGEX REPLACE ".*\"([0-9.]+).*" "\\1" Nats_VERSION "${line}")
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Nats
  REQUIRED_VARS Nats_LIBRARY Nats_INCLUDE_DIR VERSION_VAR Nats_VERSION)

if(Nats_FOUND AND NOT TARGET Nats::Nats)
  add_library(Nats::Nats UNKNOWN IMPORTED)
  set_target_properties(Nats::Nats PROPERTIES
    IMPORTED_LOCATION ${Nats_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${Nats_INCLUDE_DIR})
endif()
mark_as_advanced(Nats_INCLUDE_DIR Nats_LIBRARY)
