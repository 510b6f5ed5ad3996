# INOUT_SANITIZE=address,undefined or thread builds everything with those sanitizers.
if(INOUT_SANITIZE)
  add_compile_options(-fsanitize=${INOUT_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${INOUT_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    # The instrumentation confuses GCC 12's flow analysis (GCC manual, -Wmaybe-uninitialized).
    add_compile_options(-Wno-maybe-uninitialized)
  endif()
  if(INOUT_SANITIZE MATCHES undefined)
    # Not vptr: it reads an object's type through a pipe of its own, and so reports errors that are
    # none in the tests that run out of descriptors.
    add_compile_options(-fno-sanitize-recover=undefined -fno-sanitize=vptr)
  endif()
  if(INOUT_SANITIZE MATCHES thread AND CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    # GCC does not model atomic_thread_fence under TSan; asio uses it (GCC manual, -Wtsan).
    add_compile_options(-Wno-tsan)
  endif()
endif()
