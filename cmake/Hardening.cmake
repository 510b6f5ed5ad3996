# What makes a memory error harder to use, in our own code and in what we take from headers. A test
# looks for it in the programs (tests/issues/test_binaries.py).
include(CheckCXXCompilerFlag)

# Bounds of containers, optionals and pointers of the C++ library are checked: an abort, not a write.
add_compile_definitions(_GLIBCXX_ASSERTIONS)

# A sanitizer looks closer, and its runtime does not know the C library's checking functions.
if(NOT INOUT_SANITIZE)
  add_compile_options(-fstack-protector-strong
    $<$<NOT:$<STREQUAL:$<TARGET_PROPERTY:TYPE>,MODULE_LIBRARY>>:-fPIE>)
  add_link_options(-Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack
    $<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>:$<IF:$<BOOL:${INOUT_STATIC}>,-static-pie,-pie>>)
  foreach(flag -fstack-clash-protection -fcf-protection)
    string(MAKE_C_IDENTIFIER has${flag} has)
    check_cxx_compiler_flag(${flag} ${has})
    if(${has})
      add_compile_options(${flag})
    endif()
  endforeach()
  # Needs an optimising build (feature_test_macros(7)); level 3 knows sizes that are computed.
  if(NOT CMAKE_BUILD_TYPE STREQUAL Debug)
    set(level 2)
    if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 12)
      set(level 3)
    endif()
    add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=${level})
  endif()
endif()
