# INOUT_STATIC: programs for any Linux, which need no file of the system (the preset `static`).
#
# The C library would load its name service (NSS) and OpenSSL its modules at run time, from the machine
# where the program runs. Neither is needed: names are c-ares' work, and no module is asked for. What
# libraries would call for it is replaced (os/no_name_service.cpp), so that nothing of it is linked.
# Where something is all the same the linker warns, which is an error.
set(INOUT_NATS OFF CACHE STRING "libnats looks up names by getaddrinfo" FORCE)
set(OPENSSL_USE_STATIC_LIBS ON)
set(CMAKE_FIND_LIBRARY_SUFFIXES .a)
foreach(call getaddrinfo freeaddrinfo gai_strerror getnameinfo gethostbyname getservbyname getservbyport_r
    dlopen dlsym dlclose dlerror dladdr)
  add_link_options(-Wl,--wrap=${call})
endforeach()
add_link_options(-Wl,--fatal-warnings -Wl,--gc-sections)
