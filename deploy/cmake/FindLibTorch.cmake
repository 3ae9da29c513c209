# Finds LibTorch in LATENTD_LIBTORCH_ROOT: what deploy/install.sh unpacked, an official LibTorch archive, or the torch
# folder of a Python installation; all have include/ and lib/. Gives the imported target LibTorch::LibTorch.
#
# find_package(Torch) of LibTorch itself is not used: on the wheel it asks for a whole CUDA toolkit.

set(_default_root "$ENV{LATENTD_LIBTORCH_ROOT}")
if(NOT _default_root)
  set(_cache "$ENV{LATENTD_CACHE}")
  if(NOT _cache)
    set(_cache "$ENV{HOME}/.cache/latentd")
  endif()
  set(_default_root "${_cache}/libtorch-2.11.0")
endif()
set(LATENTD_LIBTORCH_ROOT "${_default_root}" CACHE PATH "Folder with LibTorch's include/ and lib/")

find_path(LibTorch_INCLUDE_DIR ATen/ATen.h PATHS ${LATENTD_LIBTORCH_ROOT}/include NO_DEFAULT_PATH)
find_library(LibTorch_CPU_LIBRARY torch_cpu PATHS ${LATENTD_LIBTORCH_ROOT}/lib NO_DEFAULT_PATH)
find_library(LibTorch_C10_LIBRARY c10 PATHS ${LATENTD_LIBTORCH_ROOT}/lib NO_DEFAULT_PATH)
set(_required LibTorch_INCLUDE_DIR LibTorch_CPU_LIBRARY LibTorch_C10_LIBRARY)
if(LATENTD_CUDA)
  find_library(LibTorch_CUDA_LIBRARY torch_cuda PATHS ${LATENTD_LIBTORCH_ROOT}/lib NO_DEFAULT_PATH)
  find_library(LibTorch_C10_CUDA_LIBRARY c10_cuda PATHS ${LATENTD_LIBTORCH_ROOT}/lib NO_DEFAULT_PATH)
  # Of CUDA itself only the runtime: the headers of the compiler's toolkit, and the library beside LibTorch's.
  find_path(LibTorch_CUDART_INCLUDE_DIR cuda_runtime_api.h PATHS ${CMAKE_CUDA_TOOLKIT_INCLUDE_DIRECTORIES} NO_DEFAULT_PATH)
  find_library(LibTorch_CUDART_LIBRARY NAMES libcudart.so.13
               PATHS ${LATENTD_LIBTORCH_ROOT}/lib ${LATENTD_LIBTORCH_ROOT}/../nvidia/cu13/lib NO_DEFAULT_PATH)
  list(APPEND _required LibTorch_CUDA_LIBRARY LibTorch_C10_CUDA_LIBRARY LibTorch_CUDART_INCLUDE_DIR LibTorch_CUDART_LIBRARY)
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibTorch REQUIRED_VARS ${_required}
  REASON_FAILURE_MESSAGE "Run deploy/install.sh, or set LATENTD_LIBTORCH_ROOT.")

if(LibTorch_FOUND AND NOT TARGET LibTorch::LibTorch)
  # The wheel carries old or other copies of headers that we take from Debian: protobuf, and fmt behind spdlog. Everything
  # but those is offered, through a folder of links.
  set(_shadow ${PROJECT_BINARY_DIR}/libtorch-include)
  file(REMOVE_RECURSE ${_shadow})
  file(MAKE_DIRECTORY ${_shadow})
  file(GLOB _entries RELATIVE ${LibTorch_INCLUDE_DIR} ${LibTorch_INCLUDE_DIR}/*)
  list(REMOVE_ITEM _entries google fmt)
  foreach(_entry IN LISTS _entries)
    file(CREATE_LINK ${LibTorch_INCLUDE_DIR}/${_entry} ${_shadow}/${_entry} SYMBOLIC)
  endforeach()

  set(_libraries ${LibTorch_CPU_LIBRARY} ${LibTorch_C10_LIBRARY})
  if(LATENTD_CUDA)
    # Nothing in our code names a symbol of torch_cuda: it registers its kernels when it is loaded.
    list(PREPEND _libraries "-Wl,--no-as-needed" ${LibTorch_CUDA_LIBRARY} ${LibTorch_C10_CUDA_LIBRARY} "-Wl,--as-needed")
    list(APPEND _libraries ${LibTorch_CUDART_LIBRARY})
  endif()
  find_library(_gomp NAMES libgomp.so.1 PATHS ${LATENTD_LIBTORCH_ROOT}/lib NO_DEFAULT_PATH)

  add_library(LibTorch::LibTorch INTERFACE IMPORTED)
  target_include_directories(LibTorch::LibTorch SYSTEM INTERFACE ${_shadow} ${_shadow}/torch/csrc/api/include)
  if(LATENTD_CUDA)
    target_include_directories(LibTorch::LibTorch SYSTEM INTERFACE ${LibTorch_CUDART_INCLUDE_DIR})
  endif()
  # at::parallel_for is OpenMP code inside a header: without the flag it silently runs on one thread.
  target_compile_options(LibTorch::LibTorch INTERFACE -fopenmp)
  target_link_libraries(LibTorch::LibTorch INTERFACE ${_libraries} $<$<BOOL:${_gomp}>:${_gomp}> Threads::Threads)
  target_link_options(LibTorch::LibTorch INTERFACE "-Wl,-rpath,${LATENTD_LIBTORCH_ROOT}/lib"
                      "-Wl,-rpath-link,${LATENTD_LIBTORCH_ROOT}/lib")
endif()
