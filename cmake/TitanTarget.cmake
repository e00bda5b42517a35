# One target per folder. titan_library() gives each the same warnings and sanitizers; a folder
# without sources yet becomes an INTERFACE library, so that others may already name it.

set(TITAN_SANITIZE "" CACHE STRING "Sanitizers for every target, e.g. address,undefined")

find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()
find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()

# Assertions are for our own bugs and stay on in release builds (no NDEBUG).
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1")
set(CMAKE_C_FLAGS_RELEASE "-O2 -g1")
set(CMAKE_CXX_FLAGS_DEBUG "-O1 -g1 -fno-omit-frame-pointer")
if(TITAN_SANITIZE)
  add_compile_options(-fsanitize=${TITAN_SANITIZE} -fno-sanitize-recover=undefined)
  add_link_options(-fsanitize=${TITAN_SANITIZE})
  if(TITAN_SANITIZE MATCHES thread)
    add_compile_options(-Wno-tsan)  # Asio's fences, which ThreadSanitizer does not see
  endif()
endif()

# GCC 12 reports moved-from std::variant members as maybe uninitialised although they are not; the
# sanitizers and -Wuninitialized watch for real cases.
#
# Behind a precompiled header it forgets that the standard library is a system's, and reports the
# faults that it imagines in what it has inlined of it (GCC bugs 105329, 105651).
set(TITAN_NOT_OF_THE_LIBRARY -Wno-array-bounds -Wno-restrict -Wno-stringop-overflow
                             -Wno-stringop-overread -Wno-dangling-pointer)
set(TITAN_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual
                   -Wno-missing-field-initializers -Wno-maybe-uninitialized -Werror
                   ${TITAN_NOT_OF_THE_LIBRARY})

add_compile_definitions(_REENTRANT)  # of some libraries' flags, and a precompiled header knows one set

# Boost.Asio and Beast compiled once instead of into each file: a fifth of the time of those files.
find_package(Boost 1.81 REQUIRED)
find_package(OpenSSL REQUIRED)
add_compile_definitions(BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION)
add_library(titan_asio STATIC ${CMAKE_SOURCE_DIR}/cmake/asio.cpp)
target_link_libraries(titan_asio PUBLIC Boost::headers)
add_library(titan_asio_ssl STATIC ${CMAKE_SOURCE_DIR}/cmake/asio_ssl.cpp)
target_link_libraries(titan_asio_ssl PUBLIC titan_asio OpenSSL::SSL)

# What nearly every file includes, parsed once a build: the standard library's headers, and Boost's
# that no target's macro changes. A file still includes what it uses, and the asan preset, which
# builds without, shows it. ccache wants -fpch-preprocess (and what titan sets in CCACHE_SLOPPINESS).
add_library(titan_precompiled STATIC ${CMAKE_SOURCE_DIR}/cmake/precompiled.cpp)
target_precompile_headers(titan_precompiled PRIVATE ${CMAKE_SOURCE_DIR}/cmake/precompiled.h)
target_compile_options(titan_precompiled PRIVATE ${TITAN_WARNINGS})
if(NOT CMAKE_DISABLE_PRECOMPILE_HEADERS)
  add_compile_options(-fpch-preprocess)
endif()

# Files that are Beast's templates for several kinds of stream: -O2 takes a minute for each, and what
# they do waits for a network anyway.
function(titan_optimise_less)
  set_source_files_properties(${ARGN} PROPERTIES COMPILE_OPTIONS -O1)
endfunction()

function(titan_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK;PRIVATE_LINK" ${ARGN})
  if(ARG_SOURCES)
    add_library(${name} STATIC ${ARG_SOURCES})
    target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR})
    target_compile_options(${name} PRIVATE ${TITAN_WARNINGS})
    target_precompile_headers(${name} REUSE_FROM titan_precompiled)
    target_link_libraries(${name} PUBLIC ${ARG_LINK} titan_asio PRIVATE ${ARG_PRIVATE_LINK})
  else()
    add_library(${name} INTERFACE)
    target_include_directories(${name} INTERFACE ${CMAKE_SOURCE_DIR})
    target_link_libraries(${name} INTERFACE ${ARG_LINK})
  endif()
endfunction()

function(titan_executable name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
  target_compile_options(${name} PRIVATE ${TITAN_WARNINGS})
  target_precompile_headers(${name} REUSE_FROM titan_precompiled)
  target_link_libraries(${name} PRIVATE ${ARG_LINK} titan_asio)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
endfunction()

# A Catch2 test binary, run by ctest as one test. The time of tests is that of their compiler.
function(titan_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  titan_executable(${name} SOURCES ${ARG_SOURCES} LINK ${ARG_LINK} titan_catch_main)
  target_compile_options(${name} PRIVATE -O1)
  if(CMAKE_CROSSCOMPILING_EMULATOR)
    # qemu-user 7.2 answers TCP_INFO with four bytes, so nobody sees how much came over a connection.
    set(not_emulated "~[tcp_info]")
  endif()
  add_test(NAME ${name} COMMAND ${name} ${not_emulated})
endfunction()

# The path of a program that a test starts by itself: ctest puts the emulator of a cross build before
# the test's own binary only, and the kernel starts none of another architecture.
function(titan_startable variable target)
  set(path $<TARGET_FILE:${target}>)
  if(CMAKE_CROSSCOMPILING_EMULATOR)
    list(JOIN CMAKE_CROSSCOMPILING_EMULATOR " " emulator)
    file(GENERATE OUTPUT ${CMAKE_BINARY_DIR}/bin/${target}.sh
         CONTENT "#!/bin/sh\nexec ${emulator} ${path} \"$@\"\n"
         FILE_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE
                          WORLD_READ WORLD_EXECUTE)
    set(path ${CMAKE_BINARY_DIR}/bin/${target}.sh)
  endif()
  set(${variable} ${path} PARENT_SCOPE)
endfunction()
