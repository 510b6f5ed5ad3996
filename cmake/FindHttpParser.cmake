# Finds http-parser (Debian: libhttp-parser-dev), which ships no CMake package of its own.
# Defines the target HttpParser::HttpParser and the variable HttpParser_VERSION.
find_path(HttpParser_INCLUDE_DIR http_parser.h)
find_library(HttpParser_LIBRARY http_parser)
if(HttpParser_INCLUDE_DIR)
  set(HttpParser_VERSION "")
  foreach(part MAJOR MINOR PATCH)
    file(STRINGS ${HttpParser_INCLUDE_DIR}/http_parser.h line
      REGEX "^#define HTTP_PARSER_VERSION_${part} [0-9]+")
    string(REGEX REPLACE ".* ([0-9]+).*" "\\1" number "${line}")
    list(APPEND HttpParser_VERSION ${number})
  endforeach()
  list(JOIN HttpParser_VERSION "." HttpParser_VERSION)
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(HttpParser
  REQUIRED_VARS HttpParser_LIBRARY HttpParser_INCLUDE_DIR VERSION_VAR HttpParser_VERSION)

if(HttpParser_FOUND AND NOT TARGET HttpParser::HttpParser)
  add_library(HttpParser::HttpParser UNKNOWN IMPORTED)
  set_target_properties(HttpParser::HttpParser PROPERTIES
    IMPORTED_LOCATION ${HttpParser_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${HttpParser_INCLUDE_DIR})
endif()
mark_as_advanced(HttpParser_INCLUDE_DIR HttpParser_LIBRARY)
