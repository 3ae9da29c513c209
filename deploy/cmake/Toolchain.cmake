# How everything is compiled: cache, linker, warnings, sanitizers.

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  # Paths below the source folder are hashed relative to it, so that every checkout shares the cache. Headers that change
  # while they are compiled must be noticed (no include_file_mtime, include_file_ctime): a build that was broken off
  # while the API's headers were made anew would leave a precompiled header of the old ones under the new ones' hash.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1
                                  CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE_PROGRAM})
endif()

find_program(MOLD_PROGRAM mold)
if(MOLD_PROGRAM)
  add_link_options(-fuse-ld=mold)
endif()

# Our own code only: dependencies are included as system headers. Third-party warnings that arise inside templates
# which we instantiate are listed here, each with its origin.
set(LATENTD_WARNINGS -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # ccache needs this to see through a precompiled header.
  add_compile_options(-fpch-preprocess)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  list(APPEND LATENTD_WARNINGS -Wthread-safety)
endif()

if(LATENTD_SANITIZE)
  add_compile_options(-fsanitize=${LATENTD_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all -O1)
  add_link_options(-fsanitize=${LATENTD_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # gcc 12 gives false "maybe uninitialized" and array-bounds warnings under the sanitizers.
    list(APPEND LATENTD_WARNINGS -Wno-error=maybe-uninitialized -Wno-error=array-bounds -Wno-error=stringop-overflow)
  endif()
endif()

if(LATENTD_FUZZ)
  # Coverage of the code under test is what leads libFuzzer; a precompiled header must be built with it, too.
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
