# Two builds of one source in different folders make the same programs: no path of the machine gets
# into them. Times and the order of files do not, as it is.
add_compile_options(-ffile-prefix-map=${CMAKE_SOURCE_DIR}=. -ffile-prefix-map=${CMAKE_BINARY_DIR}=build)
