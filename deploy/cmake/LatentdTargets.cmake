# latentd_library(NAME [TORCH] [SOURCES …] [DEPS …]): one static library for one folder.
# latentd_test(NAME [TORCH] [SOURCES …] [DEPS …] [LABELS …]): one test program for one folder, each test case known to ctest.
#
# TORCH links LibTorch and uses its precompiled header: parsing torch/nn/module.h takes fifteen seconds a file without.

function(_latentd_use_torch name)
  target_link_libraries(${name} PUBLIC LibTorch::LibTorch)
  if(NOT TARGET latentd_torch_pch)
    file(WRITE ${PROJECT_BINARY_DIR}/torch_pch.cc "")
    add_library(latentd_torch_pch OBJECT ${PROJECT_BINARY_DIR}/torch_pch.cc)
    target_link_libraries(latentd_torch_pch PUBLIC LibTorch::LibTorch)
    target_compile_options(latentd_torch_pch PRIVATE ${LATENTD_WARNINGS})
    target_precompile_headers(latentd_torch_pch PRIVATE <ATen/ATen.h> <torch/nn/module.h> <torch/nn/pimpl.h>
                              <memory> <optional> <string> <vector>)
  endif()
  target_precompile_headers(${name} REUSE_FROM latentd_torch_pch)
  get_target_property(_type ${name} TYPE)
  if(_type STREQUAL "EXECUTABLE")
    # CMake compiles programs with -fPIE and libraries with -fPIC; a precompiled header fits one of them only.
    set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
    target_compile_options(${name} PRIVATE -fPIC)
  endif()
endfunction()

function(latentd_library name)
  cmake_parse_arguments(ARG "TORCH" "" "SOURCES;DEPS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR})
  target_compile_options(${name} PRIVATE ${LATENTD_WARNINGS})
  target_link_libraries(${name} PUBLIC ${ARG_DEPS})
  if(ARG_TORCH)
    _latentd_use_torch(${name})
  endif()
endfunction()

function(latentd_test name)
  cmake_parse_arguments(ARG "TORCH" "" "SOURCES;DEPS;LABELS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC ${ARG_DEPS} GTest::gmock GTest::gtest_main)
  target_compile_options(${name} PRIVATE ${LATENTD_WARNINGS})
  # Only those who read files of the source tree are told where it is: the others' objects are the same in every
  # checkout, and come from the compiler's cache.
  foreach(_source IN LISTS ARG_SOURCES)
    file(STRINGS ${_source} _reads REGEX LATENTD_SOURCE_DIR LIMIT_COUNT 1)
    if(_reads)
      set_property(SOURCE ${_source} APPEND PROPERTY COMPILE_DEFINITIONS LATENTD_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
    endif()
  endforeach()
  if(ARG_TORCH)
    _latentd_use_torch(${name})
  endif()
  # Tests run beside each other: what waits for another compute thread gives up the core at once instead of after
  # milliseconds.
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60
                       PROPERTIES TIMEOUT 600 LABELS "${ARG_LABELS}" ENVIRONMENT GOMP_SPINCOUNT=1000)
endfunction()
