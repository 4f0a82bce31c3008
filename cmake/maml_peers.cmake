# Other libraries' convolutions for bench_convolution: each where its headers and its library are found, and are of the
# version whose calls bench/peers uses (scripts/setup bench installs them). No other target sees them.
if(NOT MAML_BUILD_BENCH OR NOT CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64" OR MSVC)
  return()
endif()
find_path(MAML_ONEDNN_DIR oneapi/dnnl/dnnl.hpp)
find_library(MAML_ONEDNN_LIBRARY dnnl)
find_path(MAML_LIBXSMM_DIR libxsmm.h)
find_library(MAML_LIBXSMM_LIBRARY xsmm)
find_library(MAML_LIBXSMM_NOBLAS_LIBRARY xsmmnoblas)
find_path(MAML_EIGEN_DIR Eigen/Core PATH_SUFFIXES eigen3)
mark_as_advanced(MAML_ONEDNN_DIR MAML_ONEDNN_LIBRARY MAML_LIBXSMM_DIR MAML_LIBXSMM_LIBRARY
  MAML_LIBXSMM_NOBLAS_LIBRARY MAML_EIGEN_DIR)

# maml_peer(NAME SOURCE...): compiles bench/peers/SOURCE... into bench_convolution, which sees MAML_PEER_NAME.
function(maml_peer name)
  list(TRANSFORM ARGN PREPEND ${PROJECT_SOURCE_DIR}/bench/peers/ OUTPUT_VARIABLE files)
  string(TOLOWER bench_peer_${name} target)
  add_library(${target} STATIC ${files})
  maml_target(${target})
  target_link_libraries(${target} PRIVATE maml maml_hwy)
  target_link_libraries(bench_convolution PRIVATE ${target})
  target_compile_definitions(bench_convolution PRIVATE MAML_PEER_${name})
endfunction()

# maml_version_is(VARIABLE FILE TEXT): whether FILE exists and has a line that matches TEXT.
function(maml_version_is variable file text)
  set(lines "")
  if(EXISTS ${file})
    file(STRINGS ${file} lines REGEX "${text}")
  endif()
  set(${variable} "${lines}" PARENT_SCOPE)
endfunction()

maml_version_is(version "${MAML_ONEDNN_DIR}/oneapi/dnnl/dnnl_version.h" "DNNL_VERSION_MAJOR 2$")
if(MAML_ONEDNN_LIBRARY AND version)
  maml_peer(ONEDNN onednn.cpp)
  target_include_directories(bench_peer_onednn SYSTEM PRIVATE ${MAML_ONEDNN_DIR})
  target_link_libraries(bench_peer_onednn PRIVATE ${MAML_ONEDNN_LIBRARY} ${CMAKE_DL_LIBS})
endif()

maml_version_is(version "${MAML_LIBXSMM_DIR}/libxsmm_version.h" "LIBXSMM_CONFIG_VERSION_MAJOR 1$")
if(MAML_LIBXSMM_LIBRARY AND MAML_LIBXSMM_NOBLAS_LIBRARY AND version)
  maml_peer(LIBXSMM libxsmm.cpp)
  target_include_directories(bench_peer_libxsmm SYSTEM PRIVATE ${MAML_LIBXSMM_DIR})
  target_link_libraries(bench_peer_libxsmm PRIVATE ${MAML_LIBXSMM_LIBRARY} ${MAML_LIBXSMM_NOBLAS_LIBRARY}
    Threads::Threads ${CMAKE_DL_LIBS} m)
endif()

if(MAML_EIGEN_DIR)
  maml_peer(EIGEN eigen.cpp)
  foreach(isa IN ITEMS avx2 avx512)
    add_library(bench_peer_eigen_${isa} STATIC ${PROJECT_SOURCE_DIR}/bench/peers/eigen_passes.cpp)
    maml_target(bench_peer_eigen_${isa})
    target_include_directories(bench_peer_eigen_${isa} SYSTEM PRIVATE ${MAML_EIGEN_DIR})
    target_link_libraries(bench_peer_eigen_${isa} PRIVATE maml maml_hwy)
    target_compile_definitions(bench_peer_eigen_${isa} PRIVATE MAML_EIGEN_PASSES=eigen_${isa} Eigen=Eigen_${isa})
    # GCC 12 warns of its own intrinsics (its bug 105593).
    target_compile_options(bench_peer_eigen_${isa} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
    target_link_libraries(bench_peer_eigen PRIVATE bench_peer_eigen_${isa})
  endforeach()
  target_compile_options(bench_peer_eigen_avx2 PRIVATE -mavx2 -mfma)
  target_compile_options(bench_peer_eigen_avx512 PRIVATE -mavx2 -mfma -mavx512f -mavx512dq -mavx512bw -mavx512vl)
endif()
