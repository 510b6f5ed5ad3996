# Makes a C++ source of an HTML page with one style and one script: its text, and the policy by
# which a browser runs these two, known by their hashes, and nothing else.
#
#   cmake -DPAGE=in.html -DTEMPLATE=in.cpp.in -DSOURCE=out.cpp -P cmake/Page.cmake
cmake_minimum_required(VERSION 3.25)

# The SHA-256 of a text in base64, as Content-Security-Policy wants it.
function(hash_of text result)
  set(letters "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
  string(SHA256 hex "${text}")
  # 256 bits are 42 letters of 6 bits and one of 4; three digits of hex are two letters.
  string(APPEND hex "00")
  set(base64 "")
  foreach(at RANGE 0 63 3)
    string(SUBSTRING ${hex} ${at} 3 digits)
    math(EXPR first "0x${digits} >> 6")
    math(EXPR second "0x${digits} & 63")
    string(SUBSTRING ${letters} ${first} 1 first)
    string(SUBSTRING ${letters} ${second} 1 second)
    string(APPEND base64 ${first}${second})
  endforeach()
  string(SUBSTRING ${base64} 0 43 base64)
  set(${result} "'sha256-${base64}='" PARENT_SCOPE)
endfunction()

file(READ ${PAGE} page)
foreach(element style script)
  if(NOT page MATCHES "<${element}>(.*)</${element}>")
    message(FATAL_ERROR "${PAGE} has no <${element}>")
  endif()
  hash_of("${CMAKE_MATCH_1}" ${element}_hash)
endforeach()
string(FIND "${page}" ")html\"" ends_early)
if(NOT ends_early EQUAL -1)
  message(FATAL_ERROR "${PAGE} holds what ends it as a C++ literal")
endif()
configure_file(${TEMPLATE} ${SOURCE} @ONLY)
