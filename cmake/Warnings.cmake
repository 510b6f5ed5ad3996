# Warnings are errors for our own sources; third-party headers are system headers.
add_library(inout_warnings INTERFACE)
target_compile_options(inout_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Woverloaded-virtual -Werror
  # Designated initializers leave the other members at their defaults, which is their purpose.
  -Wno-missing-field-initializers)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  # GCC 12 takes the class's operator delete of an inlined coroutine frame for another's new.
  target_compile_options(inout_warnings INTERFACE -Wno-mismatched-new-delete)
endif()
if(CMAKE_UNITY_BUILD AND CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  # Said of anonymous namespaces outside the main file, where unity builds have all of them; and of
  # moved std::variants, wrongly, where more is inlined (GCC 12).
  target_compile_options(inout_warnings INTERFACE -Wno-subobject-linkage -Wno-maybe-uninitialized)
endif()
