# Two builds of one source in different folders make the same programs: no path of the machine gets
# into them. Times and the order of files do not, as it is.
# Libraries for another architecture lie in the build folder, or somewhere else.
if(INOUT_LIBRARIES)
  add_compile_options(-ffile-prefix-map=${INOUT_LIBRARIES}=)
endif()
add_compile_options(-ffile-prefix-map=${CMAKE_SOURCE_DIR}=. -ffile-prefix-map=${CMAKE_BINARY_DIR}=build)
